/**
 * What a pod may send from, in the words of nftables: tables of their own, beside the node's.
 *
 *     inet weft-pods   prerouting, before fragments are put together
 *       a device of no pod                                    -> accept
 *       device . address . MAC of a pod                       -> accept    own4, own6
 *       a router advertisement or a redirect                  -> refuse
 *       its link-local address, towards the link              -> accept    link6
 *       no address yet (::): duplicate detection, MLD         -> accept    macs
 *       what is left of neighbour discovery                   -> refuse
 *       device . prefix behind a pod . MAC of the pod         -> accept    behind4, behind6
 *       anything else                                         -> refuse: counted by device, and dropped
 *     arp weft-pods    input: the same for the sender of ARP; 0.0.0.0 asks whether an address is free
 *
 * From prefixes behind it, a pod forwards packets, and is no neighbour: with ARP and neighbour discovery from each of their addresses it
 * could fill the table of neighbours, which all pods of the node share.
 *
 * Chosen: sets of device, address and MAC, and one chain for all pods, so that a pod costs elements and no rule; and a set of the
 * devices that are pods', so that a device of somebody else is never judged, whatever its name. Instead of a chain on each device:
 * its rules would go with the device, and come only after it. Priority -450 instead of one right before connection tracking,
 * at -200: fragments are put together at -400, where a pod could otherwise slip its own into a datagram of another.
 */
import { POD_ARP_TABLE, POD_TABLE, titleOf } from '../../linux/nftables.ts';
import { formatIpAddress, parseMacAddress, type IpAddress } from '../../wire/address.ts';
import { type Prefix, prefixWord } from '../../wire/prefix.ts';

/** What one pod may send from. */
export interface PodSource {
  readonly pod: string;
  /** Node's end of its cable. */
  readonly device: string;
  readonly mac: string;
  readonly addresses: readonly IpAddress[];
  /** Prefixes that lie behind it. None overlaps another, of whatever pod. */
  readonly allowSources: readonly Prefix[];
}

/** What a kernel can do. */
export interface SourceMeans {
  /** Without: pods can send ARP under any address. */
  readonly withArp: boolean;
  /** Without, before Linux 5.6: a pod is bound to addresses alone, and none may send from a prefix. */
  readonly withRanges: boolean;
}

/** Sets with an element for each pod, or for each of its addresses. */
export const elementSets = [
  'inet weft-pods guarded',
  'inet weft-pods own4',
  'inet weft-pods own6',
  'inet weft-pods link6',
  'inet weft-pods macs',
  'inet weft-pods behind4',
  'inet weft-pods behind6',
  'arp weft-pods guarded',
  'arp weft-pods own',
] as const;

/** Family and name of its table, and its own name. */
export type ElementSet = (typeof elementSets)[number];

/** Elements in the words of `nft`, with no quotes about devices. */
export type SourceElements = ReadonlyMap<ElementSet, ReadonlySet<string>>;

/** Sets that the kernel fills, with the packets that were refused: by device, and the last addresses that were tried. */
export const REFUSED_SETS = {
  inet: ['refused', 'tried4', 'tried6'],
  arp: ['refused', 'tried'],
} as const;

/** Addresses that pods tried to send from, as many as are remembered: no pod fills more of the kernel's memory. */
const MAX_TRIED = 256;

/** How long an address is remembered after the last packet. */
const TRIED_TIMEOUT = '10m';

const rangeSets = `
set behind4 { type ifname . ipv4_addr . ether_addr; flags interval; }
set behind6 { type ifname . ipv6_addr . ether_addr; flags interval; }`;

const inetTable = `
set guarded { type ifname; }
set own4 { type ifname . ipv4_addr . ether_addr; }
set own6 { type ifname . ipv6_addr . ether_addr; }
set link6 { type ifname . ipv6_addr . ether_addr; }
set macs { type ifname . ether_addr; }
set refused { type ifname; size 65536; flags dynamic; }
set tried4 { type ifname . ipv4_addr . ether_addr; size ${MAX_TRIED}; flags dynamic,timeout; timeout ${TRIED_TIMEOUT}; }
set tried6 { type ifname . ipv6_addr . ether_addr; size ${MAX_TRIED}; flags dynamic,timeout; timeout ${TRIED_TIMEOUT}; }
chain refuse {}
chain others {}
chain prerouting { type filter hook prerouting priority -450; policy accept; }`;

const arpTable = `
set guarded { type ifname; }
set own { type ifname . ipv4_addr . ether_addr; }
set refused { type ifname; size 65536; flags dynamic; }
set tried { type ifname . ipv4_addr . ether_addr; size ${MAX_TRIED}; flags dynamic,timeout; timeout ${TRIED_TIMEOUT}; }
chain refuse {}
chain input { type filter hook input priority 0; policy accept; }`;

const rangeRules = [
  'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } goto refuse',
  'iifname . ip saddr . ether saddr @behind4 accept',
  'iifname . ip6 saddr . ether saddr @behind6 accept',
];

/** By chain. Full, a set takes no more: hence the rule that drops is one of its own. */
const inetRules = ({ withRanges }: SourceMeans): Readonly<Record<string, readonly string[]>> => ({
  prerouting: [
    'iifname != "wf*" accept',
    'iifname . ip saddr . ether saddr @own4 accept',
    'iifname . ip6 saddr . ether saddr @own6 accept',
    'iifname @guarded goto others',
  ],
  others: [
    'icmpv6 type { nd-router-advert, nd-redirect } goto refuse',
    'ip6 daddr { fe80::/10, ff02::/16 } iifname . ip6 saddr . ether saddr @link6 accept',
    'ip6 saddr :: ip6 daddr ff02::1:ff00:0/104 icmpv6 type nd-neighbor-solicit iifname . ether saddr @macs accept',
    'ip6 saddr :: ip6 daddr ff02::/16 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } iifname . ether saddr @macs accept',
    ...(withRanges ? rangeRules : []),
    'goto refuse',
  ],
  refuse: [
    'update @refused { iifname counter }',
    'update @tried4 { iifname . ip saddr . ether saddr }',
    'update @tried6 { iifname . ip6 saddr . ether saddr }',
    'drop',
  ],
});

/** Both the sender in the message and the one of its frame. */
const ARP_SENDER = 'iifname . arp saddr ip . arp saddr ether @own iifname . arp saddr ip . ether saddr @own';

const arpRules: Readonly<Record<string, readonly string[]>> = {
  input: ['iifname != "wf*" accept', `arp htype 1 arp ptype ip ${ARP_SENDER} accept`, 'iifname @guarded goto refuse'],
  refuse: ['update @refused { iifname counter }', 'update @tried { iifname . arp saddr ip . arp saddr ether }', 'drop'],
};

/**
 * Lines that make the tables, with these pods and no others, whatever was there; counts stay.
 *
 * @param strays devices that look like those of pods, and of which nobody knows an address: nothing may pass there.
 * @param anew make the tables from nothing, where those that are there are of another shape.
 */
export function tableLines(
  pods: readonly PodSource[],
  strays: readonly string[],
  { anew, ...means }: SourceMeans & { readonly anew: boolean },
): string[] {
  const tables = [
    {
      title: titleOf(POD_TABLE),
      text: means.withRanges ? rangeSets + inetTable : inetTable,
      rules: inetRules(means),
      isWanted: true,
    },
    { title: titleOf(POD_ARP_TABLE), text: arpTable, rules: arpRules, isWanted: means.withArp },
  ].filter(({ isWanted }) => isWanted);
  const elements = new Map(elementsOf(pods, means));
  for (const name of elements.keys()) {
    if (name.endsWith(' guarded')) elements.set(name, new Set([...(elements.get(name) ?? []), ...strays]));
  }
  return [
    ...tables.flatMap(({ title, text }) => [
      ...(anew ? [`add table ${title}`, `delete table ${title}`] : []),
      `table ${title} {${text}\n}`,
    ]),
    ...tables.flatMap(({ title, rules }) => [
      ...Object.keys(rules).map((chain) => `flush chain ${title} ${chain}`),
      ...Object.entries(rules).flatMap(([chain, lines]) => lines.map((line) => `add rule ${title} ${chain} ${line}`)),
    ]),
    ...[...elements.keys()].map((name) => `flush set ${name}`),
    ...elementLines('add', elements),
  ];
}

/** Lines that add one pod to the tables. */
export function addingLines(pod: PodSource, means: SourceMeans): string[] {
  return elementLines('add', elementsOf([pod], means));
}

/** Lines that remove one pod, also if it is there only in part, and what was counted of it. */
export function removingLines(pod: PodSource, means: SourceMeans): string[] {
  const elements = elementsOf([pod], means);
  // Adding first makes it no error to remove what is not there.
  return [...elementLines('add', elements), ...elementLines('delete', elements), ...uncountingLines(pod, means)];
}

/** What the sets hold for these pods, those sets that there are. */
export function elementsOf(pods: readonly PodSource[], { withArp, withRanges }: SourceMeans): SourceElements {
  const sets = new Map(elementSets.map((name) => [name, new Set<string>()]));
  for (const { device, mac, addresses, allowSources } of pods) {
    sets.get('inet weft-pods guarded')!.add(device);
    sets.get('arp weft-pods guarded')!.add(device);
    sets.get('inet weft-pods macs')!.add(`${device} . ${mac}`);
    sets.get('inet weft-pods link6')!.add(`${device} . ${formatIpAddress(linkLocalAddressOf(mac))} . ${mac}`);
    // Asks whether an address is free (RFC 5227).
    sets.get('arp weft-pods own')!.add(`${device} . 0.0.0.0 . ${mac}`);
    for (const address of addresses) {
      const element = `${device} . ${formatIpAddress(address)} . ${mac}`;
      sets.get(`inet weft-pods own${address.family}`)!.add(element);
      if (address.family === 4) sets.get('arp weft-pods own')!.add(element);
    }
    for (const prefix of allowSources)
      sets.get(`inet weft-pods behind${prefix.address.family}`)!.add(`${device} . ${prefixWord(prefix)} . ${mac}`);
  }
  if (!withArp) for (const name of elementSets) if (name.startsWith(`${titleOf(POD_ARP_TABLE)} `)) sets.delete(name);
  if (!withRanges) for (const family of [4, 6] as const) sets.delete(`inet weft-pods behind${family}`);
  return sets;
}

/** The address that Linux gives a device for its link, by its MAC address: a modified EUI-64 (RFC 4291, appendix A). */
export function linkLocalAddressOf(mac: string): IpAddress {
  const [a, b, c, d, e, f] = parseMacAddress(mac) ?? [];
  if (f === undefined) throw new RangeError(`${mac} is not a MAC address`);
  return { family: 6, bytes: Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a! ^ 0x02, b!, c!, 0xff, 0xfe, d!, e!, f) };
}

function elementLines(verb: 'add' | 'delete', elements: SourceElements): string[] {
  return [...elements].flatMap(([name, all]) =>
    all.size === 0 ? [] : [`${verb} element ${name} { ${[...all].map(quoted).join(', ')} }`],
  );
}

function uncountingLines({ device }: PodSource, { withArp }: SourceMeans): string[] {
  const sets = [`${titleOf(POD_TABLE)} refused`, ...(withArp ? [`${titleOf(POD_ARP_TABLE)} refused`] : [])];
  return sets.flatMap((name) => ['add', 'delete'].map((verb) => `${verb} element ${name} { "${device}" }`));
}

/** The device is the first part of every element. */
function quoted(element: string): string {
  const [device = '', ...rest] = element.split(' . ');
  return [`"${device}"`, ...rest].join(' . ');
}
