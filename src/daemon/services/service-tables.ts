/**
 * Services in the words of nftables: a table of their own, whose chains only the first packet of each connection passes. Of a service with
 * three backends, at address A and port P:
 *
 *     from-pods, from-node    inside4: A . 6 . P -> inside4-pick-3      none: is the address one of a service at all? refused
 *     from-elsewhere          outside4: the same, where it is another than inside4, and then as above
 *     inside4-pick-3          jhash of source and source port mod 3     -> inside4-slot-0, -1 or -2
 *     inside4-slot-1          dnat to inside4-backend-1: A . 6 . P -> the second backend
 *     leaving                 the address under which what was translated goes on
 *
 * So a backend that takes the place of another changes one element. The choice is the same for a flow whose connection is forgotten and begun
 * again.
 *
 * Two things put chains of a service's own before that: a load balancer that lets in some sources alone (`inside-from-…`), and affinity of
 * clients (`inside-keep-…`), for which the kernel remembers the clients of each backend.
 *
 * A packet goes on under its own source address, but for these:
 *
 *     from elsewhere, unless the service keeps to backends of its node: answers have to come back here
 *     from the node itself into the overlay: there it has its overlay address
 *     from a pod to itself: it would not take a packet from its own address that comes from outside
 *
 * Chosen: refusals in the chains that translate. Instead of: chains of filters. Because: those would cost each packet that the node forwards
 * some tens of nanoseconds, and a connection that is refused has no second packet. The kernel takes it at prerouting from 5.9 on.
 *
 * Chosen: a bit of the packet's mark between prerouting and postrouting. Instead of: a look at the connection. Because: what it was first
 * addressed to cannot be looked up together with its port (nft 1.0.6: `ct original proto-dst` has no size); and others translate, too.
 */
import type { NftChainContent, NftSetContent } from '../../linux/nft-table-content.ts';
import type { NftTablePiece } from '../../linux/nft-table-pieces.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import { PICK_SEED } from '../../services/pick-hash.ts';
import type { Destination, Frontend, PlannedBackend } from '../../services/service-plan.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix } from '../../wire/prefix.ts';
import { POD_DEVICES } from '../host/pod-devices.ts';
import {
  affinityChain,
  CHOSEN_MARK,
  families,
  type Family,
  frontendElement,
  keptChain,
  keptSet,
  pickChain,
  protocolNumber,
  serviceCounters,
  type Side,
  slotChain,
  slotMap,
  sourceChain,
  verdictMap,
} from './service-names.ts';

/** What the rules are made from, beside services. */
export interface ServiceTableOptions {
  readonly tunDevice: string;
  /** Overlay addresses of this node: at most one of each family. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Whose addresses services alone have. */
  readonly pools: readonly AddressPool[];
  /** From which services get their addresses: whoever asks for one that no service has is told so. */
  readonly prefixes: readonly Prefix[];
}

/**
 * Clients of one backend that are remembered: with more, those that are new go anywhere.
 *
 * Chosen: 65 536. Instead of: less, or what the kernel has where nothing is said, 65 535. Because: the kernel (6.18) makes room for all of them
 * at once, 2 MB for 65 535, and takes 16 bits of the number for that. With none of them set, the room grows with what is in it.
 */
const MAX_KEPT = 65_536;

/** Before iptables, firewalld and what else translates: who comes first decides. */
const PREROUTING = 'type nat hook prerouting priority dstnat - 5; policy accept;';
/** nft 1.0.6 knows no `dstnat` here. */
const OUTPUT = 'type nat hook output priority -105; policy accept;';
const POSTROUTING = 'type nat hook postrouting priority srcnat - 5; policy accept;';

const key = { 4: 'ip daddr . meta l4proto . th dport', 6: 'ip6 daddr . meta l4proto . th dport' } as const;
const field = { 4: 'ip', 6: 'ip6' } as const;
const addressType = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

const choose = `meta mark set meta mark | ${hex(CHOSEN_MARK)}`;

/** What is there without any service. */
export function basePiece(options: ServiceTableOptions): NftTablePiece {
  const inside = families.map((family) => `${key[family]} vmap @${verdictMap('inside', family)}`);
  const unknown = families.map((family) => `${field[family]} daddr @addresses${family} goto refuse`);
  const ownerless = options.prefixes.map(
    (prefix) => `${field[prefix.address.family]} daddr ${formatPrefix(prefix)} goto ownerless`,
  );
  return {
    counters: Object.keys(serviceCounters),
    sets: Object.fromEntries(
      families.flatMap((family): [string, NftSetContent][] => [
        [verdictMap('inside', family), verdicts(family)],
        [verdictMap('outside', family), verdicts(family)],
        [`addresses${family}`, addresses(family)],
        [`themselves${family}`, themselves(family)],
      ]),
    ),
    chains: {
      'from-elsewhere': {
        hook: PREROUTING,
        rules: [
          `iifname "${POD_DEVICES}" goto from-pods`,
          ...families.map((family) => `${key[family]} vmap @${verdictMap('outside', family)}`),
          ...inside,
          'goto unknown',
        ],
      },
      'from-pods': { rules: [...inside, 'goto unknown'] },
      'from-node': { hook: OUTPUT, rules: [...inside, 'goto unknown'] },
      unknown: { rules: [...unknown, ...ownerless] },
      refuse: {
        rules: ['counter name refused', 'meta l4proto tcp reject with tcp reset', 'reject with icmpx port-unreachable'],
      },
      ownerless: { rules: ['counter name refused', 'reject with icmpx host-unreachable'] },
      'none-here': { rules: ['counter name dropped drop'] },
      'refuse-source': { rules: ['counter name source-refused drop'] },
      leaving: { hook: POSTROUTING, rules: [`meta mark & ${hex(CHOSEN_MARK)} != 0 goto chosen`] },
      chosen: {
        rules: [
          `meta mark set meta mark & ${hex(~CHOSEN_MARK >>> 0)}`,
          ...families.map((family) => `meta nfproto ipv${family} goto chosen${family}`),
        ],
      },
      ...Object.fromEntries(families.map((family) => [`chosen${family}`, chosenChain(family, options)])),
    },
  };
}

/** Under which address what weft chose a backend for goes on. */
function chosenChain(family: Family, { tunDevice, nodeAddresses }: ServiceTableOptions): NftChainContent {
  const own = nodeAddresses.find((address) => address.family === family);
  const asNode = own === undefined ? 'masquerade' : `snat ${field[family]} to ${formatIpAddress(own)}`;
  const isOther = own === undefined ? '' : ` ${field[family]} saddr != ${formatIpAddress(own)}`;
  return {
    rules: [
      `${field[family]} saddr . ${field[family]} daddr @themselves${family} ${asNode}`,
      `iifname "${POD_DEVICES}" accept`,
      `oifname "${tunDevice}"${isOther} ${asNode}`,
      // Of the node itself.
      'iif 0 accept',
      `oifname "${POD_DEVICES}" ${asNode}`,
      `oifname != "${tunDevice}" masquerade`,
    ],
  };
}

/** What becomes of packets to one address and port. */
export function frontendPiece(frontend: Frontend): NftTablePiece {
  const { inside, outside, masqueradesOutside } = frontend;
  const parts = [sidePiece('inside', frontend, inside)];
  // What is masqueraded goes wherever what is inside goes.
  if (!masqueradesOutside && inside.kind !== 'refused') parts.push(sidePiece('outside', frontend, outside));
  return {
    counters: [],
    sets: Object.assign({}, ...parts.map(({ sets }) => sets)) as NftTablePiece['sets'],
    chains: Object.assign({}, ...parts.map(({ chains }) => chains)) as NftTablePiece['chains'],
  };
}

/** Elements of an address that services alone have: whatever is sent to another port of it is refused. */
export function addressPiece(address: IpAddress): NftTablePiece {
  const { family } = address;
  const elements = new Set([formatIpAddress(address)]);
  return setsPiece({ [`addresses${family}`]: { ...addresses(family), elements } });
}

/** Elements of a backend of this node, which may choose itself. */
export function themselvesPiece(address: IpAddress): NftTablePiece {
  const { family } = address;
  const text = formatIpAddress(address);
  return setsPiece({ [`themselves${family}`]: { ...themselves(family), elements: new Set([`${text} . ${text}`]) } });
}

function sidePiece(side: Side, frontend: Frontend, destination: Destination): Omit<NftTablePiece, 'counters'> {
  const target = targetOf(side, frontend, destination);
  const { sources } = frontend;
  if (sources === undefined || destination.kind !== 'backends') return verdictPiece(side, frontend, target);
  const name = sourceChain(side, frontend);
  const { family } = frontend.address;
  const rules = [
    ...sources
      .filter(({ address }) => address.family === family)
      .map((prefix) => `${field[family]} saddr ${formatPrefix(prefix)} goto ${target.chain}`),
    'goto refuse-source',
  ];
  return verdictPiece(side, frontend, {
    chain: name,
    sets: target.sets,
    chains: { ...target.chains, [name]: { rules } },
  });
}

/** Where packets go, and what that needs. */
interface Target extends Omit<NftTablePiece, 'counters'> {
  readonly chain: string;
}

function targetOf(side: Side, frontend: Frontend, destination: Destination): Target {
  if (destination.kind === 'refused') return { chain: 'refuse', sets: {}, chains: {} };
  if (destination.kind === 'dropped') return { chain: 'none-here', sets: {}, chains: {} };
  const { backends } = destination;
  return frontend.affinitySeconds === undefined
    ? slots(side, frontend, backends)
    : affinity(side, frontend, backends, frontend.affinitySeconds);
}

function verdictPiece(
  side: Side,
  frontend: Frontend,
  { chain, sets, chains }: Target,
): Omit<NftTablePiece, 'counters'> {
  const { family } = frontend.address;
  const elements = new Set([`${frontendElement(frontend)} : goto ${chain}`]);
  return { sets: { ...sets, [verdictMap(side, family)]: { ...verdicts(family), elements } }, chains };
}

/** Chains that all services with as many backends share. */
function slots(side: Side, frontend: Frontend, backends: readonly PlannedBackend[]): Target {
  const { family } = frontend.address;
  const element = frontendElement(frontend);
  const chain = pickChain(side, family, backends.length);
  return {
    chain,
    sets: Object.fromEntries(
      backends.map(({ address, port }, index) => [
        slotMap(side, family, index),
        { ...backendsMap(family), elements: new Set([`${element} : ${formatIpAddress(address)} . ${port}`]) },
      ]),
    ),
    chains: {
      [chain]: {
        rules: [
          ...chosen(side),
          pickRule(
            family,
            backends.map((_, index) => slotChain(side, family, index)),
          ),
        ],
      },
      ...Object.fromEntries(
        backends.map((_, index) => [
          slotChain(side, family, index),
          { rules: [`dnat ${field[family]} to ${key[family]} map @${slotMap(side, family, index)}`] },
        ]),
      ),
    },
  };
}

/** Chains of its own: what they remember is by backend, so that a change of others moves no client. */
function affinity(side: Side, frontend: Frontend, backends: readonly PlannedBackend[], seconds: number): Target {
  const { family } = frontend.address;
  const saddr = `${field[family]} saddr`;
  const chain = affinityChain(side, frontend);
  const chains = backends.map((backend) => keptChain(side, frontend, backend));
  const details = `size ${MAX_KEPT}; flags dynamic,timeout; timeout ${seconds}s;`;
  return {
    chain,
    sets: Object.fromEntries(
      backends.map((backend) => [keptSet(frontend, backend), { type: addressType[family], details }]),
    ),
    chains: {
      [chain]: {
        rules: [
          ...chosen(side),
          ...backends.map((backend, index) => `${saddr} @${keptSet(frontend, backend)} goto ${chains[index]}`),
          pickRule(family, chains),
        ],
      },
      ...Object.fromEntries(
        backends.map((backend, index) => [
          chains[index]!,
          {
            rules: [
              // Where no more are remembered, it goes there all the same.
              `update @${keptSet(frontend, backend)} { ${saddr} }`,
              `meta l4proto ${protocolNumber(frontend.protocol)} dnat ${field[family]} to ${endpoint(backend)}`,
            ],
          },
        ]),
      ),
    },
  };
}

/** To backends of this node alone it goes under its own address. */
function chosen(side: Side): readonly string[] {
  return side === 'inside' ? [choose] : [];
}

/** Where it goes is what `pickIndex` says. */
function pickRule(family: Family, chains: readonly string[]): string {
  if (chains.length === 1) return `goto ${chains[0]}`;
  const verdict = chains.map((chain, index) => `${index} : goto ${chain}`).join(', ');
  return `jhash ${field[family]} saddr . th sport mod ${chains.length} seed ${hex(PICK_SEED)} vmap { ${verdict} }`;
}

function endpoint({ address, port }: PlannedBackend): string {
  const text = formatIpAddress(address);
  return address.family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

function verdicts(family: Family): NftSetContent {
  return { type: `${addressType[family]} . inet_proto . inet_service`, data: 'verdict', elements: new Set() };
}

function backendsMap(family: Family): NftSetContent {
  const data = `${addressType[family]} . inet_service`;
  return { type: `${addressType[family]} . inet_proto . inet_service`, data, elements: new Set() };
}

function addresses(family: Family): NftSetContent {
  return { type: addressType[family], elements: new Set() };
}

function themselves(family: Family): NftSetContent {
  return { type: `${addressType[family]} . ${addressType[family]}`, elements: new Set() };
}

function setsPiece(sets: NftTablePiece['sets']): NftTablePiece {
  return { counters: [], sets, chains: {} };
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}
