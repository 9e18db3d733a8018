/**
 * What is inside of a pod's network namespace: the pod's end of its cable, routes, sockets. Read by one program in the namespace.
 *
 * A pod may have made it as large as it likes, and given names that a terminal would obey: what is read is bounded and cut.
 */
import { runToItsEnd } from '../../linux/command.ts';
import { addressesOf, type Link } from '../../linux/link.ts';
import { mainRouteCommand, type PodCable, type RoutedCable } from './pod-wiring.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';

/** All of it. */
export interface PodInterior {
  /** Its end of the cable; `undefined`: there is no such device any more. */
  readonly device: InteriorDevice | undefined;
  /** Default routes, best first; beside the interface of another network, those to the overlay. */
  readonly mainRoutes: Readonly<Record<4 | 6, readonly InteriorRoute[]>>;
  /** What the kernel knows of the gateways. */
  readonly neighbours: readonly InteriorNeighbour[];
  /** Kernel parameters, by the name below `net/`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Sockets that wait for connections or datagrams. */
  readonly listening: readonly ListeningSocket[];
  /** Whether there are any tables of a firewall. */
  readonly hasFirewall: boolean;
}

export interface InteriorDevice {
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  readonly mtuBytes: number;
  readonly mac: string;
  /** With their lengths: `10.244.1.2/32`. */
  readonly addresses: readonly string[];
}

export interface InteriorRoute {
  readonly gateway: string;
  readonly device: string;
}

export interface InteriorNeighbour {
  readonly address: string;
  readonly mac: string;
  /** As `ip` has them: `REACHABLE`, `FAILED`, `PERMANENT`. */
  readonly states: readonly string[];
}

export interface ListeningSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly family: 4 | 6;
  readonly port: number;
  /** `any`, or where it is to be reached. */
  readonly scope: 'any' | 'loopback' | 'one';
  /** As the kernel's table prints it. */
  readonly address: string;
}

const TIMEOUT_MS = 4_000;
const MAX_BYTES = 512 * 1024;

const parametersOf = (device: string): string[] => [
  `ipv6/conf/${device}/disable_ipv6`,
  'ipv4/icmp_echo_ignore_all',
  'ipv6/icmp/echo_ignore_all',
];

type LookedAt = Pick<PodCable, 'pod' | 'netns'> & RoutedCable;

/** Each answer stands behind a line that names it. What fails says nothing, and the rest is asked all the same. */
const scriptOf = (cable: LookedAt): string => `
part() { echo "@@ $1"; shift; "$@" 2>/dev/null; echo; }
part link ip -details -json address show dev ${cable.device}
part route4 sh -c '${mainRouteCommand(cable, 4)}'
part route6 sh -c '${mainRouteCommand(cable, 6)}'
part gateway4 ip -json neighbour show to ${POD_GATEWAY[4]} dev ${cable.device} nud all
part gateway6 ip -json neighbour show to ${POD_GATEWAY[6]} dev ${cable.device} nud all
part parameters grep -sH '' ${parametersOf(cable.device)
  .map((name) => `/proc/sys/net/${name}`)
  .join(' ')}
part tables nft list tables
part legacy cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names
for table in tcp tcp6 udp udp6; do
  part $table sh -c "head -n 4000 /proc/self/net/$table | cut -c1-150 | awk '\\$4 == \\"0A\\" || \\$4 == \\"07\\" { print \\$2 }'"
done
`;

/** Looks into the namespace of a pod. @throws CommandError, RequirementError where nobody gets in */
export async function lookInside(cable: LookedAt): Promise<PodInterior> {
  const { stdout } = await runToItsEnd(['sh', '-c', scriptOf(cable)], {
    purpose: `look into pod ${cable.pod}`,
    netns: cable.netns,
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_BYTES,
  });
  return parseInterior(stdout);
}

/** @param text what the script wrote. */
export function parseInterior(text: string): PodInterior {
  const parts = new Map(
    text
      .split(/^@@ /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  );
  const partOf = (name: string): string => parts.get(name) ?? '';
  const [link] = rows(partOf('link')) as Partial<Link>[];
  const parameters = partOf('parameters')
    .split('\n')
    .flatMap((line): [string, string][] => {
      const [path = '', value = ''] = line.split(':');
      return value === '' ? [] : [[path.replace('/proc/sys/net/', ''), value]];
    });
  return {
    device: link?.ifname === undefined ? undefined : deviceOf(link as Link),
    mainRoutes: { 4: routesOf(partOf('route4')), 6: routesOf(partOf('route6')) },
    neighbours: [...rows(partOf('gateway4')), ...rows(partOf('gateway6'))].map(neighbourOf),
    parameters: Object.fromEntries(parameters),
    listening: (['tcp', 'udp'] as const).flatMap((protocol) =>
      ([4, 6] as const).flatMap((family) =>
        partOf(`${protocol}${family === 4 ? '' : '6'}`)
          .split('\n')
          .flatMap((line) => socketOf(line, protocol, family)),
      ),
    ),
    hasFirewall: partOf('tables') !== '' || partOf('legacy') !== '',
  };
}

type Row = Readonly<Record<string, unknown>>;

function rows(json: string): readonly Row[] {
  try {
    const parsed = JSON.parse(json) as unknown;
    return Array.isArray(parsed) ? (parsed as readonly Row[]) : [];
  } catch {
    return [];
  }
}

function deviceOf(link: Link): InteriorDevice {
  return {
    isUp: link.flags.includes('UP'),
    hasCarrier: link.flags.includes('LOWER_UP'),
    mtuBytes: link.mtu,
    mac: link.address ?? '',
    addresses: addressesOf(link),
  };
}

function routesOf(json: string): InteriorRoute[] {
  return rows(json)
    .toSorted((a, b) => Number(a['metric'] ?? 0) - Number(b['metric'] ?? 0))
    .map((row) => ({ gateway: textOf(row['gateway']), device: textOf(row['dev']) }));
}

function neighbourOf(row: Row): InteriorNeighbour {
  const states = Array.isArray(row['state']) ? row['state'].map(textOf) : [];
  return { address: textOf(row['dst']), mac: textOf(row['lladdr']), states };
}

/** @param line local endpoint as the kernel's tables have it: proc_net(5). */
function socketOf(line: string, protocol: 'tcp' | 'udp', family: 4 | 6): ListeningSocket[] {
  const [, address, port] = /^([0-9A-F]+):([0-9A-F]{4})$/.exec(line.trim()) ?? [];
  if (address === undefined || port === undefined) return [];
  const isLoopback = family === 4 ? address.endsWith('7F') : address === `${'0'.repeat(24)}01000000`;
  const scope = /^0+$/.test(address) ? 'any' : isLoopback ? 'loopback' : 'one';
  return [{ protocol, family, port: Number.parseInt(port, 16), scope, address }];
}

/** Without what a terminal would obey. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/[^\x21-\x7e]/g, '?') : '';
}
