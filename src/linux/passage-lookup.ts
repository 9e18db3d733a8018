/**
 * Asks the kernel of a network namespace, this process's own or a pod's, about a packet that comes in, goes out or passes through.
 *
 * What a pod's namespace answers is its own to choose: it is bounded in size, and its words are cut to what can be printed.
 */
import { destinationKind } from '../explain/destination-kind.ts';
import type {
  LinkState,
  NeighbourState,
  PassageFacts,
  PolicyRule,
  RefusingRoute,
  RouteReply,
  SoughtLink,
  TrackingState,
} from '../explain/passage-facts.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { IpProtocol } from '../wire/ip.ts';
import { type IpAnswer, ipLookups } from './ip-lookups.ts';
import { ROUTE_PROTOCOL } from './iproute.ts';
import { readNamespaceFiles } from './namespace-parameters.ts';

/** The packet, and where it is looked for. */
export interface PassageQuestion {
  /** Path of a network namespace file; absent: this process's own. */
  readonly netns?: string;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Number of the protocol. */
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Device where it comes in; absent: it is made here. */
  readonly entry?: string;
  /** Device where it should go out. */
  readonly exit?: string;
  /** An address that has to be this namespace's, since the sender uses it as its gateway. */
  readonly gateway?: string;
}

type Row = Readonly<Record<string, unknown>>;

/** Asks all of it: two programs, or three. @throws CommandError, RequirementError */
export async function lookUpPassage(question: PassageQuestion): Promise<PassageFacts> {
  const { netns, source, destination, entry, exit, gateway } = question;
  const { family } = source;
  const [from, to] = [formatIpAddress(source), formatIpAddress(destination)];
  const packet = `${to} from ${from}${entry === undefined ? '' : ` iif ${entry}`}${transportOf(question)}`;
  const lines = {
    route: `route get ${packet}`,
    match: `route get fibmatch ${packet}`,
    rules: 'rule show',
    routes: `route show table all match ${to}`,
    own: `address show to ${entry === undefined ? from : to}/${family === 4 ? 32 : 128}`,
    ...(entry !== undefined && { entry: `link show dev ${entry}`, back: `route get ${from}` }),
    ...(entry !== undefined &&
      destinationKind(destination) === 'multicast' && { groups: `maddress show dev ${entry}` }),
    ...(exit !== undefined && { exit: `link show dev ${exit}` }),
    ...(gateway !== undefined && {
      gateway: `route get ${gateway} from ${from}${entry === undefined ? '' : ` iif ${entry}`}`,
    }),
  };
  const ask = async (asked: Readonly<Record<string, string>>): Promise<Record<string, IpAnswer>> => {
    const purpose = `look at a packet from ${from} to ${to}`;
    const answers = await ipLookups({
      family,
      lines: Object.values(asked),
      purpose,
      ...(netns !== undefined && { netns }),
    });
    return Object.fromEntries(Object.keys(asked).map((key, index) => [key, answers[index]!]));
  };
  const answers = await ask(lines);
  const route = routeReply(answers['route']!, answers['match']);
  const leaving = 'device' in route && route.type === 'unicast' && isPlain(route.device) ? route : undefined;
  const nextHop = leaving === undefined ? '' : leaving.gateway === '' ? to : leaving.gateway;
  const more =
    leaving === undefined
      ? {}
      : await ask({
          neighbour: `neighbour show to ${nextHop} dev ${leaving.device} nud all`,
          ...(leaving.device !== exit && { link: `link show dev ${leaving.device}` }),
        });
  const exitName = leaving?.device ?? exit;
  const parameters = parametersFor(family, entry);
  const files = await readNamespaceFiles(
    [...parameters.map((name) => `sys/${name}`), TRACKED, MAX_TRACKED, TRACKING],
    netns,
  );
  return {
    entry: entry === undefined ? undefined : soughtLink(entry, answers['entry']!),
    hasAddress: rowsOf(answers['own']).some((row) => textOf(row['ifname']) !== ''),
    route,
    wayBack: answers['back'] && routeReply(answers['back'], undefined),
    exit: exitName === undefined ? undefined : soughtLink(exitName, more['link'] ?? answers['exit']!),
    neighbour: neighbourState(nextHop, leaving?.device ?? '', rowsOf(more['neighbour'])),
    isGateway: answers['gateway'] && isLocal(answers['gateway']),
    rules: rowsOf(answers['rules']).map(policyRule),
    refusing: refusingRoutes(rowsOf(answers['routes'])),
    tracking: trackingState(files),
    groups: groupsOf(rowsOf(answers['groups'])),
    sysctls: Object.fromEntries(
      parameters.flatMap((name) => (files[`sys/${name}`] === undefined ? [] : [[name, files[`sys/${name}`]!]])),
    ),
  };
}

/** The protocol and ports of a question, as `ip route get` takes them. */
export function transportOf({
  protocol,
  sourcePort,
  destinationPort,
}: Pick<PassageQuestion, 'protocol' | 'sourcePort' | 'destinationPort'>): string {
  if (!askedProtocols.has(protocol)) return '';
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
  // No rule asks for port 0, and `ip` takes it for none.
  const port = (key: string, value: number): string => (hasPorts && value > 0 ? ` ${key} ${value}` : '');
  // By number: for names `ip` reads /etc/protocols, which images of containers lack.
  return ` ipproto ${protocol}${port('sport', sourcePort)}${port('dport', destinationPort)}`;
}

/** Rules may ask for these; the kernel takes no other protocol in a question. */
const askedProtocols: ReadonlySet<number> = new Set([
  IpProtocol.icmp,
  IpProtocol.tcp,
  IpProtocol.udp,
  IpProtocol.icmpv6,
]);

const TRACKED = 'sys/net/netfilter/nf_conntrack_count';
const MAX_TRACKED = 'sys/net/netfilter/nf_conntrack_max';
const TRACKING = 'self/net/stat/nf_conntrack';

/** What decides of a packet beside routes: kernel parameters, without `sys/`. */
function parametersFor(family: 4 | 6, entry: string | undefined): string[] {
  if (family === 4) {
    const ofEntry = ['forwarding', 'rp_filter'].map((name) => `net/ipv4/conf/${entry}/${name}`);
    const ofAll = ['net/ipv4/ip_forward', 'net/ipv4/conf/all/rp_filter', 'net/ipv4/icmp_echo_ignore_all'];
    const ofGroups = 'net/ipv4/icmp_echo_ignore_broadcasts';
    return entry === undefined ? ofAll : [...ofAll, ofGroups, ...ofEntry];
  }
  const ofAll = ['net/ipv6/conf/all/forwarding', 'net/ipv6/icmp/echo_ignore_all'];
  return entry === undefined ? ofAll : [...ofAll, `net/ipv6/conf/${entry}/force_forwarding`];
}

function rowsOf(answer: IpAnswer | undefined): readonly Row[] {
  return answer !== undefined && 'rows' in answer ? answer.rows : [];
}

/** Without what a terminal would obey. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/[^\x21-\x7e]/g, '?') : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function routeReply(answer: IpAnswer, match: IpAnswer | undefined): RouteReply {
  if ('error' in answer) return { error: answer.error };
  const [row] = answer.rows;
  if (row === undefined) return { error: 'no route' };
  const [found] = rowsOf(match);
  const via = row['via'] as { readonly host?: unknown } | undefined;
  return {
    type: textOf(row['type']) || 'unicast',
    device: textOf(row['dev']),
    gateway: textOf(row['gateway'] ?? via?.host),
    table: textOf(row['table']) || 'main',
    prefix: textOf(found?.['dst']),
  };
}

/** Whether a name can be given to `ip` as a word. */
function isPlain(name: string): boolean {
  return /^[\w.:@-]+$/.test(name);
}

function isLocal(answer: IpAnswer): boolean {
  return rowsOf(answer)[0]?.['type'] === 'local';
}

function soughtLink(name: string, answer: IpAnswer): SoughtLink {
  const row = rowsOf(answer).find((one) => one['ifname'] !== undefined);
  if (row === undefined) return { name, isMissing: true };
  const flags = Array.isArray(row['flags']) ? row['flags'].map(textOf) : [];
  const link: LinkState = {
    name,
    isUp: flags.includes('UP'),
    hasCarrier: flags.includes('LOWER_UP'),
    mtuBytes: numberOf(row['mtu']),
    isVeth: (row['linkinfo'] as Row | undefined)?.['info_kind'] === 'veth',
    mac: textOf(row['address']),
    hasXdp: row['xdp'] !== undefined,
  };
  return link;
}

function groupsOf(rows: readonly Row[]): string[] {
  return rows
    .flatMap(({ maddr }) => (Array.isArray(maddr) ? (maddr as readonly Row[]) : []))
    .map(({ address }) => textOf(address));
}

function neighbourState(address: string, device: string, rows: readonly Row[]): NeighbourState | undefined {
  const [row] = rows;
  if (row === undefined) return undefined;
  const states = Array.isArray(row['state']) ? row['state'].map(textOf) : [];
  return { address, device, mac: textOf(row['lladdr']), states };
}

function policyRule(row: Row): PolicyRule {
  const pair = (key: string, value: unknown): string => (value === undefined ? '' : ` ${key} ${printed(value)}`);
  const prefix = (key: string, name: string): string => {
    const length = row[`${name}len`];
    return row[name] === undefined
      ? ''
      : ` ${key} ${printed(row[name])}${length === undefined ? '' : `/${printed(length)}`}`;
  };
  const span = (key: string): string => {
    const [first, last] = [row[`${key}_start`], row[`${key}_end`]];
    return first === undefined ? pair(key, row[key]) : ` ${key} ${printed(first)}-${printed(last)}`;
  };
  const mask = row['fwmask'] === undefined ? '' : `/${printed(row['fwmask'])}`;
  const selector = [
    row['not'] === undefined ? '' : ' not',
    prefix('from', 'src'),
    prefix('to', 'dst'),
    row['fwmark'] === undefined ? '' : ` fwmark ${printed(row['fwmark'])}${mask}`,
    pair('iif', row['iif']),
    pair('oif', row['oif']),
    row['l3mdev'] === undefined ? '' : ' l3mdev',
    row['uid_start'] === undefined ? '' : ` uidrange ${printed(row['uid_start'])}-${printed(row['uid_end'])}`,
    pair('ipproto', row['ipproto']),
    span('sport'),
    span('dport'),
  ].join('');
  const table = textOf(row['table']);
  const action = textOf(row['action']);
  const suffix = action === '' ? `${pair('lookup', row['table'])}${pair('goto', row['goto'])}` : ` ${action}`;
  const priority = numberOf(row['priority']);
  return { priority, table, action, words: `${priority}:${selector}${suffix}` };
}

function printed(value: unknown): string {
  return typeof value === 'number' ? String(value) : textOf(value);
}

const REFUSING_TYPES: readonly string[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

function refusingRoutes(rows: readonly Row[]): RefusingRoute[] {
  return rows
    .filter((row) => REFUSING_TYPES.includes(textOf(row['type'])))
    .sort((a, b) => lengthOf(b) - lengthOf(a) || numberOf(a['metric']) - numberOf(b['metric']))
    .map((row) => ({
      type: textOf(row['type']),
      prefix: textOf(row['dst']),
      isOurs: row['protocol'] === String(ROUTE_PROTOCOL),
    }));
}

/** Length of a route's prefix: an address without one is the whole of it. */
function lengthOf(row: Row): number {
  const prefix = textOf(row['dst']);
  if (prefix === 'default') return 0;
  return Number(/\/(\d+)$/.exec(prefix)?.[1] ?? 128);
}

function trackingState(files: Readonly<Record<string, string>>): TrackingState | undefined {
  const [connections, maxConnections] = [Number(files[TRACKED]), Number(files[MAX_TRACKED])];
  // 0 is no limit.
  if (Number.isNaN(connections) || Number.isNaN(maxConnections) || maxConnections === 0) return undefined;
  return { connections, maxConnections, refused: countRefused(files[TRACKING] ?? '') };
}

/** Sum of the column `drop`, in which there is a hexadecimal number for each processor. */
function countRefused(statistics: string): number {
  const [titles, ...rows] = statistics.split('\n').map((line) => line.trim().split(/\s+/));
  const column = titles?.indexOf('drop') ?? -1;
  return rows.reduce((sum, row) => sum + (Number.parseInt(row[column] ?? '', 16) || 0), 0);
}
