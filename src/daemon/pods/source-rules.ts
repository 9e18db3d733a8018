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
import { type NftChainContent, type NftSetContent, type NftTableContent } from '../../linux/nft-table-content.ts';
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

/** Sets that the kernel fills with the last addresses that were tried. Those of packets that were refused, by device, are `refused`. */
export const TRIED_SETS = { inet: ['tried4', 'tried6'], arp: ['tried'] } as const;

/** Addresses that pods tried to send from, as many as are remembered: no pod fills more of the kernel's memory. */
const MAX_TRIED = 256;

/** How long an address is remembered after the last packet. */
const TRIED_TIMEOUT = '10m';

/** Device, address and MAC address. */
const BOUND4 = 'ifname . ipv4_addr . ether_addr';
const BOUND6 = 'ifname . ipv6_addr . ether_addr';

/** Sets with an element for each pod, or for each of its addresses: what their declarations say. */
const elementSetTypes: Readonly<Record<ElementSet, Pick<NftSetContent, 'type' | 'details'>>> = {
  'inet weft-pods guarded': { type: 'ifname' },
  'inet weft-pods own4': { type: BOUND4 },
  'inet weft-pods own6': { type: BOUND6 },
  'inet weft-pods link6': { type: BOUND6 },
  'inet weft-pods macs': { type: 'ifname . ether_addr' },
  'inet weft-pods behind4': { type: BOUND4, details: 'flags interval;' },
  'inet weft-pods behind6': { type: BOUND6, details: 'flags interval;' },
  'arp weft-pods guarded': { type: 'ifname' },
  'arp weft-pods own': { type: BOUND4 },
};

const refusedSet: NftSetContent = { type: 'ifname', details: 'size 65536; flags dynamic;' };
const triedSet = (type: string): NftSetContent => {
  return { type, details: `size ${MAX_TRIED}; flags dynamic,timeout; timeout ${TRIED_TIMEOUT};` };
};

/** Those that the kernel fills, by the table's family. */
const refusedSets = {
  inet: { refused: refusedSet, tried4: triedSet(BOUND4), tried6: triedSet(BOUND6) },
  arp: { refused: refusedSet, tried: triedSet(BOUND4) },
} satisfies Readonly<Record<string, Readonly<Record<string, NftSetContent>>>>;

const INET_HOOK = 'type filter hook prerouting priority -450; policy accept;';
const ARP_HOOK = 'type filter hook input priority 0; policy accept;';

const rangeRules = [
  'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } goto refuse',
  'iifname . ip saddr . ether saddr @behind4 accept',
  'iifname . ip6 saddr . ether saddr @behind6 accept',
];

/** Full, a set takes no more: hence the rule that drops is one of its own. */
const inetChains = ({ withRanges }: SourceMeans): Readonly<Record<string, NftChainContent>> => ({
  refuse: {
    rules: [
      'update @refused { iifname counter }',
      'update @tried4 { iifname . ip saddr . ether saddr }',
      'update @tried6 { iifname . ip6 saddr . ether saddr }',
      'drop',
    ],
  },
  others: {
    rules: [
      'icmpv6 type { nd-router-advert, nd-redirect } goto refuse',
      'ip6 daddr { fe80::/10, ff02::/16 } iifname . ip6 saddr . ether saddr @link6 accept',
      'ip6 saddr :: ip6 daddr ff02::1:ff00:0/104 icmpv6 type nd-neighbor-solicit iifname . ether saddr @macs accept',
      'ip6 saddr :: ip6 daddr ff02::/16 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } iifname . ether saddr @macs accept',
      ...(withRanges ? rangeRules : []),
      'goto refuse',
    ],
  },
  prerouting: {
    hook: INET_HOOK,
    rules: [
      'iifname != "wf*" accept',
      'iifname . ip saddr . ether saddr @own4 accept',
      'iifname . ip6 saddr . ether saddr @own6 accept',
      'iifname @guarded goto others',
    ],
  },
});

/** Both the sender in the message and the one of its frame. */
const ARP_SENDER = 'iifname . arp saddr ip . arp saddr ether @own iifname . arp saddr ip . ether saddr @own';

const arpChains: Readonly<Record<string, NftChainContent>> = {
  refuse: {
    rules: [
      'update @refused { iifname counter }',
      'update @tried { iifname . arp saddr ip . arp saddr ether }',
      'drop',
    ],
  },
  input: {
    hook: ARP_HOOK,
    rules: ['iifname != "wf*" accept', `arp htype 1 arp ptype ip ${ARP_SENDER} accept`, 'iifname @guarded goto refuse'],
  },
};

/**
 * The tables with these pods and no others.
 *
 * @param strays devices that look like those of pods, and of which nobody knows an address: nothing may pass there.
 */
export function sourceTables(
  pods: readonly PodSource[],
  strays: readonly string[],
  means: SourceMeans,
): NftTableContent[] {
  const elements = elementsOf(pods, means);
  const setsIn = (title: string): Record<string, NftSetContent> =>
    Object.fromEntries(
      [...elements].flatMap(([set, all]) => {
        if (!set.startsWith(`${title} `)) return [];
        const name = set.slice(title.length + 1);
        return [[name, { ...elementSetTypes[set], elements: name === 'guarded' ? new Set([...all, ...strays]) : all }]];
      }),
    );
  const inet: NftTableContent = {
    table: POD_TABLE,
    counters: [],
    sets: { ...setsIn(titleOf(POD_TABLE)), ...refusedSets.inet },
    chains: inetChains(means),
  };
  const arp: NftTableContent = {
    table: POD_ARP_TABLE,
    counters: [],
    sets: { ...setsIn(titleOf(POD_ARP_TABLE)), ...refusedSets.arp },
    chains: arpChains,
  };
  return means.withArp ? [inet, arp] : [inet];
}

/** What the kernel counted of these devices, by the set that it is in. */
export function countedOf(
  devices: readonly string[],
  { withArp }: SourceMeans,
): ReadonlyMap<string, ReadonlySet<string>> {
  const titles = [POD_TABLE, ...(withArp ? [POD_ARP_TABLE] : [])].map(titleOf);
  return new Map(titles.map((title) => [`${title} refused`, new Set(devices)]));
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
