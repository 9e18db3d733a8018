/** A daemon's status as text. Pure. */
import type { Status } from '../api/control-api.ts';
import type { KubernetesStatus } from '../api/kubernetes-api.ts';
import type { DirectionAccount, WorkerAccount } from '../dataplane/accounts.ts';
import { backgroundReasons } from '../dataplane/drop-reason.ts';
import { formatSince } from './duration.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { bold, warning, type Terminal } from '../terminal/terminal.ts';

/** Width of the names in front of the facts. */
const LABEL_COLUMNS = 10;

const BYTES_PER_MIB = 1_048_576;

/** Where lines are broken in a pipe: notices are sentences, and nobody scans them by column. */
const PIPE_WIDTH_COLUMNS = Infinity;

/** The summary: who, where, protection, accounts, losses, notices. */
export function formatStatus(status: Status, nowMs: number, terminal: Terminal): string {
  return [
    formatFacts(status, nowMs, terminal),
    formatAccounts(status, terminal),
    formatDrops(status, terminal),
    formatNotices(status, terminal),
  ]
    .filter((section) => section !== '')
    .join('\n');
}

function formatFacts(status: Status, nowMs: number, terminal: Terminal): string {
  const { underlay, gossip, tun, vxlan } = status;
  const facts: readonly (readonly [string, string])[] = [
    ['node', `${status.nodeName} (${status.identity}), network ${status.network}`],
    ['daemon', `weft ${status.version}, pid ${status.pid}, up ${formatSince(status.startedAt, nowMs)}`],
    ['config', status.configFile ?? 'no file: flags and variables'],
    ['underlay', `${underlay.address} on ${underlay.interface}, MTU ${underlay.mtuBytes}: ${underlay.reason}`],
    ['vxlan', `UDP port ${vxlan.port}, VNI ${vxlan.vni}`],
    ['device', `${tun.device}, MTU ${tun.mtuBytes}, MAC ${tun.mac}`],
    ['address', status.nodeAddresses.join(', ')],
    ['prefixes', `${status.nodePrefixes.join(', ')} of ${status.clusterPrefixes.join(', ')}`],
    ['gossip', `${gossip.endpoint}, ${formatMembers(status)}`],
    ['seeds', gossip.seeds.join(', ') || 'none'],
    ['overlay', `${count(status.peers, 'peer')}, ${count(status.routes, 'route')}, ${count(status.pods, 'pod')}`],
    ['names', formatNames(status)],
    ...(status.kubernetes === null ? [] : [['API', formatKubernetes(status.kubernetes, nowMs)] as const]),
    ['features', formatFeatures(status)],
    ['audit', formatAudit(status, nowMs)],
    ['recorder', formatRecorder(status, nowMs)],
  ];
  const lines = facts.flatMap(([label, text]) => formatFact(label, text, terminal));
  return [...lines, formatSecurity(status, terminal)].map((line) => `${line}\n`).join('');
}

function formatFact(label: string, text: string, terminal: Terminal): string[] {
  const width = (terminal.widthColumns ?? PIPE_WIDTH_COLUMNS) - LABEL_COLUMNS;
  return wrap(text, width).map((line, index) =>
    index === 0 ? bold(label.padEnd(LABEL_COLUMNS), terminal) + line : ' '.repeat(LABEL_COLUMNS) + line,
  );
}

/** Said every time as long as it is so: nobody should have to guess. */
function formatSecurity({ gossip, dataEncrypted }: Status, terminal: Terminal): string {
  const text = `gossip: ${gossip.authenticated ? '' : 'not '}authenticated; data: ${dataEncrypted ? '' : 'not '}encrypted`;
  const isProtected = gossip.authenticated && dataEncrypted;
  return bold('security'.padEnd(LABEL_COLUMNS), terminal) + (isProtected ? text : warning(text, terminal));
}

function formatMembers({ gossip }: Status): string {
  const known = Object.entries(gossip.members).filter(([state, members]) => members > 0 || state === 'alive');
  return `members: ${known.map(([state, members]) => `${members} ${state}`).join(', ')}`;
}

function formatNames({ names }: Status): string {
  const { enabled, domain, listening, resolvers, known, contested, unnameable, questions } = names;
  if (!enabled) return 'off';
  const where = listening.length === 0 ? 'answered nowhere' : `answered at ${listening.filter(isShared).join(', ')}`;
  const others = resolvers.length === 0 ? 'no resolver, so that other names fail' : `others: ${resolvers.join(', ')}`;
  const asked = Object.values(questions).reduce((sum, number) => sum + number, 0);
  return [
    `${domain}, ${count(known, 'name')}, ${where}`,
    others,
    count(asked, 'question'),
    ...(contested === 0 ? [] : [`${count(contested, 'name')} of pods at several nodes`]),
    ...(unnameable === 0 ? [] : [`${count(unnameable, 'pod')} without a name`]),
  ].join('; ');
}

function formatKubernetes(kubernetes: KubernetesStatus, nowMs: number): string {
  const { server, node, reachable, since, problem, storedAt, resources } = kubernetes;
  const known = resources
    .filter(({ state }) => state !== 'absent')
    .map(
      ({ name, objects }) =>
        `${objects} ${objects === 1 ? name.replace(/(ie)?s$/, (end) => (end === 's' ? '' : 'y')) : name}`,
    );
  const why = problem === '' ? '' : ` (${problem})`;
  return [
    `Kubernetes at ${server}, ${reachable ? 'watched' : 'away'} for ${formatSince(since, nowMs)}${why}`,
    `Node ${node}`,
    known.join(', '),
    ...(storedAt === null ? [] : [`as an earlier run stored it ${formatSince(storedAt, nowMs)} ago`]),
  ].join('; ');
}

/** Over IPv6, the gateway of each pod is an address of its own. */
function isShared(address: string): boolean {
  return !address.includes('%');
}

function formatFeatures({ features }: Status): string {
  const named = (isUsed: boolean): string[] =>
    Object.entries(features).flatMap(([name, used]) => (used === isUsed ? name : []));
  const [used, unused] = [named(true), named(false)];
  return [used.join(', ') || 'none', ...(unused.length > 0 ? [`not in use: ${unused.join(', ')}`] : [])].join('; ');
}

function formatRecorder({ recorder }: Status, nowMs: number): string {
  const { sizeBytes, packetsSince, dropsSince } = recorder;
  if (sizeBytes === 0) return 'off';
  const size = `${Math.round(sizeBytes / BYTES_PER_MIB)} MiB`;
  return `${size}: packets of the last ${formatSince(packetsSince, nowMs)}, drops of the last ${formatSince(dropsSince, nowMs)}`;
}

function formatAudit({ audit: { time, repaired, remaining } }: Status, nowMs: number): string {
  const result = remaining === 0 ? 'nothing differs' : `${count(remaining, 'difference')} remaining, see weft audit`;
  const before = repaired === 0 ? '' : `; ${count(repaired, 'difference')} repaired since the start`;
  return `${result}, ${formatSince(time, nowMs)} ago${before}`;
}

function formatAccounts({ workers, residual, tunQueueOverflow, gossip }: Status, terminal: Terminal): string {
  const columns = [{ title: 'packets' }, ...['egress', 'ingress'].map((title) => ({ title, align: 'right' as const }))];
  const egress = accountOf('egress', workers);
  const ingress = accountOf('ingress', workers);
  const rows = [...egress]
    .map(([name, packets]): [string, number, number] => [name, packets, ingress.get(name)!])
    // What is ignored is there only where there is some.
    .filter(([name, out, inwards]) => name !== 'ignored' || out + inwards > 0);
  const sum = (of: (worker: WorkerAccount) => number): number => workers.reduce((total, one) => total + of(one), 0);
  const overflow = sum((worker) => worker.socketOverflow);
  const sockets = `${overflow} VXLAN socket, ${gossip.socketOverflow} gossip socket`;
  const outside = `lost before weft: ${tunQueueOverflow} TUN queue, ${sockets}\n`;
  const fragmented = sum((worker) => worker.outerFragmented);
  const suppressed = sum((worker) => worker.icmpErrorsSuppressed);
  const size = `outer packets fragmented: ${fragmented}, ICMP errors suppressed: ${suppressed}\n`;
  const alarm = `${residual} packets are in no account: this is a bug in weft\n`;
  return (
    formatTable(columns, rows, terminal) +
    outside +
    (fragmented + suppressed === 0 ? '' : size) +
    (residual === 0 ? '' : warning(alarm, terminal))
  );
}

/** One direction over all workers, in the order of its equation. */
function accountOf(direction: 'egress' | 'ingress', workers: readonly WorkerAccount[]): Map<string, number> {
  const accounts = workers.map((worker) => worker[direction]);
  const sum = (of: (account: DirectionAccount) => number): number =>
    accounts.reduce((total, one) => total + of(one), 0);
  const received = sum((account) => account.received);
  const originated = sum((account) => account.originated);
  const sent = sum((account) => account.sent);
  const delivered = sum((account) => account.delivered);
  const relayed = sum((account) => account.relayed);
  const droppedFor = (isBackground: boolean): number =>
    sum(({ dropped: reasons }) =>
      Object.entries(reasons).reduce(
        (total, [reason, packets]) => total + (backgroundReasons.has(reason) === isBackground ? packets : 0),
        0,
      ),
    );
  const dropped = droppedFor(false);
  const ignored = droppedFor(true);
  const queued = sum((account) => account.queued);
  const residual = received + originated - sent - delivered - relayed - dropped - ignored - queued;
  return new Map(
    Object.entries({ received, originated, sent, delivered, relayed, dropped, ignored, queued, residual }),
  );
}

function formatDrops({ workers, gossip, kernel }: Status, terminal: Terminal): string {
  const drops = new Map<string, number>();
  const add = (kind: string, reasons: Readonly<Record<string, number>>): void => {
    for (const [reason, packets] of Object.entries(reasons)) {
      const key = `${kind} ${reason}`;
      if (packets > 0 && !backgroundReasons.has(reason)) drops.set(key, (drops.get(key) ?? 0) + packets);
    }
  };
  for (const { egress, ingress } of workers) {
    add('egress', egress.dropped);
    add('ingress', ingress.dropped);
  }
  add('kernel', kernel.refused);
  add('gossip', gossip.refused);
  if (drops.size === 0) return '';
  const rows = [...drops].map(([key, packets]) => [...key.split(' '), packets]);
  return formatTable([{ title: 'dropped' }, { title: 'reason' }, { title: 'count', align: 'right' }], rows, terminal);
}

function formatNotices({ notices }: Status, terminal: Terminal): string {
  const width = terminal.widthColumns ?? PIPE_WIDTH_COLUMNS;
  const indent = '  ';
  const lines = notices
    .flatMap(({ code, message }) => wrap(`notice ${code}: ${message}`, width - indent.length))
    .map((line) => `${line.startsWith('notice ') ? warning(line, terminal) : indent + line}\n`);
  // The doctor knows each of them by the same code.
  return lines.length === 0 ? '' : `${lines.join('')}what to do about it, and what else there is: weft doctor\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
