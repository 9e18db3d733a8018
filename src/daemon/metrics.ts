/** Every Prometheus metric of the daemon, those of gossip in `gossip-metrics.ts`. Names: `weft_<noun>_<unit>_total`. */
import { Counter, Gauge, Registry } from '@prometheus-io/client';
import type { DirectionAccount, WorkerAccount } from '../dataplane/accounts.ts';
import type { Peer, Status } from '../api/control-api.ts';
import { declareDoors, type DoorSources } from './doors/door-metrics.ts';
import { declareDirectory, type DirectorySource } from './gossip/directory-metrics.ts';
import { declareGossip, type GossipHistograms } from './gossip/gossip-metrics.ts';
import { declareRemote } from './remote/remote-metrics.ts';
import type { RemoteServerCounters } from './remote/remote-server.ts';

/**
 * The metrics of one daemon.
 *
 * Each text is made from one {@link Status}, so that the accounts in it add up: a registry that lives as long as the
 * process would mix the moments of two scrapes that overlap.
 */
export class Metrics {
  readonly #source: () => Status;
  readonly #peers: () => readonly Peer[];
  readonly #histograms: GossipHistograms;
  readonly #remote: () => RemoteServerCounters;
  readonly #doors: DoorSources;
  readonly #directory: DirectorySource;

  /** @param peers those that have a path; only a limited number of them has metrics of its own. */
  constructor(
    source: () => Status,
    peers: () => readonly Peer[],
    histograms: GossipHistograms,
    remote: () => RemoteServerCounters,
    doors: DoorSources,
    directory: DirectorySource,
  ) {
    this.#source = source;
    this.#peers = peers;
    this.#histograms = histograms;
    this.#remote = remote;
    this.#doors = doors;
    this.#directory = directory;
  }

  /** Prometheus text format, version 0.0.4. */
  async text(): Promise<string> {
    const registry = new Registry();
    const status = this.#source();
    declareAccounts(registry, status);
    declareLosses(registry, status);
    declareKernel(registry, status);
    declareGossip(registry, status, this.#histograms);
    declareDirectory(registry, this.#directory);
    declareRemote(registry, this.#remote());
    declareDoors(registry, this.#doors);
    declareNames(registry, status);
    declareAudit(registry, status);
    declareNode(registry, status);
    declarePaths(registry, this.#peers());
    return await registry.metrics();
  }
}

function declareAccounts(registry: Registry, { workers, residual }: Status): void {
  const registers = [registry];
  const packets = new Counter({
    name: 'weft_packets_total',
    help: 'Inner IP packets, by account. received + originated = sent + delivered + relayed + dropped + queued, per worker and direction.',
    labelNames: ['worker', 'direction', 'account'],
    registers,
  });
  const dropped = new Counter({
    name: 'weft_dropped_packets_total',
    help: 'Inner IP packets that were dropped, by reason.',
    labelNames: ['worker', 'direction', 'reason'],
    registers,
  });
  const queued = new Gauge({
    name: 'weft_queued_packets',
    help: 'Inner IP packets that are held at the moment.',
    labelNames: ['worker', 'direction'],
    registers,
  });
  const bytes = new Counter({
    name: 'weft_bytes_total',
    help: 'Bytes of inner IP packets: received, and forwarded (sent, delivered or relayed).',
    labelNames: ['worker', 'direction', 'account'],
    registers,
  });
  for (const { worker, direction, account } of workers.flatMap(directionsOf)) {
    const labels = { worker, direction };
    for (const name of ['received', 'originated', 'sent', 'delivered', 'relayed'] as const) {
      packets.inc({ ...labels, account: name }, account[name]);
    }
    for (const [reason, count] of Object.entries(account.dropped)) dropped.inc({ ...labels, reason }, count);
    queued.set(labels, account.queued);
    bytes.inc({ ...labels, account: 'received' }, account.receivedBytes);
    bytes.inc({ ...labels, account: 'forwarded' }, account.forwardedBytes);
  }
  new Gauge({
    name: 'weft_residual_packets',
    help: 'Packets that no account knows, over all workers. Always 0, or weft has a bug.',
    registers,
  }).set(residual);
}

function declareLosses(registry: Registry, { workers, tunQueueOverflow }: Status): void {
  const registers = [registry];
  const overflow = new Counter({
    name: 'weft_socket_overflow_datagrams_total',
    help: 'Datagrams that the kernel dropped because a worker read its socket too slowly.',
    labelNames: ['worker'],
    registers,
  });
  const fragmented = new Counter({
    name: 'weft_outer_fragmented_datagrams_total',
    help: 'Datagrams whose outer packet was fragmented, for IPv6 over a path below its minimum MTU.',
    labelNames: ['worker'],
    registers,
  });
  const suppressed = new Counter({
    name: 'weft_icmp_errors_suppressed_total',
    help: 'ICMP errors that pods were not sent because there were too many at once.',
    labelNames: ['worker'],
    registers,
  });
  for (const { worker, socketOverflow, outerFragmented, icmpErrorsSuppressed } of workers) {
    overflow.inc({ worker }, socketOverflow);
    fragmented.inc({ worker }, outerFragmented);
    suppressed.inc({ worker }, icmpErrorsSuppressed);
  }
  new Counter({
    name: 'weft_tun_queue_overflow_packets_total',
    help: 'Packets that the kernel dropped because the queue of the TUN device was full.',
    registers,
  }).inc(tunQueueOverflow);
}

function declareKernel(registry: Registry, { kernel }: Status): void {
  const registers = [registry];
  const refused = new Counter({
    name: 'weft_kernel_refused_packets_total',
    help: 'Packets that rules of weft in the kernel refused, by reason: see docs/trust.md.',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, packets] of Object.entries(kernel.refused)) refused.inc({ reason }, packets);
  new Counter({
    name: 'weft_kernel_masqueraded_connections_total',
    help: "Connections that entered the overlay under the node's overlay address.",
    registers,
  }).inc(kernel.intoOverlay);
  const told = new Counter({
    name: 'weft_policy_told_packets_total',
    help: 'Packets that the kernel told one by one of those that network policies deny, or would deny in audit mode: see docs/captures.md.',
    labelNames: ['verdict'],
    registers,
  });
  const { denied, wouldDeny, lost } = kernel.policyLog;
  told.inc({ verdict: 'denied' }, denied);
  told.inc({ verdict: 'would-deny' }, wouldDeny);
  new Counter({
    name: 'weft_policy_lost_packets_total',
    help: 'Packets that the kernel told of those that network policies deny, and that there was no room for.',
    registers,
  }).inc(lost);
}

function declareNames(registry: Registry, { names }: Status): void {
  const registers = [registry];
  const questions = new Counter({
    name: 'weft_names_questions_total',
    help: 'Questions of DNS, by what became of them: see docs/names.md.',
    labelNames: ['outcome'],
    registers,
  });
  for (const [outcome, number] of Object.entries(names.questions)) questions.inc({ outcome }, number);
  new Counter({
    name: 'weft_names_truncated_answers_total',
    help: 'Answers of DNS that were cut, for the client to ask again over TCP.',
    registers,
  }).inc(names.truncated);
  new Counter({
    name: 'weft_names_tcp_questions_total',
    help: 'Questions of DNS that came over TCP.',
    registers,
  }).inc(names.overTcp);
  new Counter({
    name: 'weft_names_turned_away_connections_total',
    help: 'Connections for DNS that were not let in: of strangers, or too many.',
    registers,
  }).inc(names.turnedAway);
  new Gauge({ name: 'weft_names', help: 'Names of pods, nodes and services that are answered.', registers }).set(
    names.known,
  );
  new Gauge({
    name: 'weft_names_contested',
    help: 'Names that pods of several nodes claim.',
    registers,
  }).set(names.contested);
}

function declareAudit(registry: Registry, { audit }: Status): void {
  const registers = [registry];
  new Counter({
    name: 'weft_audit_repaired_differences_total',
    help: 'Differences between tables that audits found and repaired.',
    registers,
  }).inc(audit.repaired);
  new Gauge({
    name: 'weft_audit_remaining_differences',
    help: 'Differences between tables that the last audit could not repair: see weft audit.',
    registers,
  }).set(audit.remaining);
}

function declareNode(registry: Registry, status: Status): void {
  const registers = [registry];
  new Gauge({ name: 'weft_routes', help: 'Routes in use.', registers }).set(status.routes);
  new Gauge({ name: 'weft_peers', help: 'Peers, static ones included.', registers }).set(status.peers);
  new Gauge({ name: 'weft_pods', help: 'Pods of this node.', registers }).set(status.pods);
  new Gauge({ name: 'weft_notices', help: 'Notices that a person should read: see weft status.', registers }).set(
    status.notices.length,
  );
  new Gauge({
    name: 'weft_start_time_seconds',
    help: 'When the daemon started, in seconds since 1970.',
    registers,
  }).set(Date.parse(status.startedAt) / 1_000);
  const feature = new Gauge({
    name: 'weft_feature_enabled',
    help: 'Whether a feature of the dataplane is in use.',
    labelNames: ['feature'],
    registers,
  });
  for (const [name, enabled] of Object.entries(status.features)) feature.set({ feature: name }, Number(enabled));
  new Gauge({
    name: 'weft_build_info',
    help: 'Always 1; what runs is in the labels.',
    labelNames: ['version', 'node', 'network', 'identity'],
    registers,
  }).set({ version: status.version, node: status.nodeName, network: status.network, identity: status.identity }, 1);
}

/** Most peers with metrics of their own, by name: a label whose values others choose must not grow without end. */
const MAX_PEER_LABELS = 500;

function declarePaths(registry: Registry, peers: readonly Peer[]): void {
  const labelNames = ['peer'];
  const registers = [registry];
  const mtu = new Gauge({
    name: 'weft_path_mtu_bytes',
    help: `Largest inner packet that passes to a peer. At most ${MAX_PEER_LABELS} peers, as for all metrics of paths: those that their packets take.`,
    labelNames,
    registers,
  });
  const roundTrip = new Gauge({
    name: 'weft_path_round_trip_seconds',
    help: 'Smoothed round trip to a peer and back on the data port.',
    labelNames,
    registers,
  });
  const loss = new Gauge({
    name: 'weft_path_loss_ratio',
    help: 'Share of the last 100 path probes of the last four minutes to a peer, or of their answers, that was lost.',
    labelNames,
    registers,
  });
  const lossByDirection = new Gauge({
    name: 'weft_path_direction_loss_ratio',
    help: 'Share of path probes that did not arrive at a peer (out), and of answers that did not arrive here (in).',
    labelNames: ['peer', 'direction'],
    registers,
  });
  new Gauge({
    name: 'weft_relayed_peers',
    help: 'Peers that packets of this node reach through a relay only.',
    registers,
  }).set(peers.filter(({ relay }) => relay !== '').length);
  for (const { name: peer, path } of peers.filter(isInUse).slice(0, MAX_PEER_LABELS)) {
    mtu.set({ peer }, path.mtuBytes);
    if (path.roundTripMs !== null) roundTrip.set({ peer }, path.roundTripMs.smoothed / 1_000);
    if (path.lossRatio !== null) loss.set({ peer }, path.lossRatio);
    if (path.lossOutRatio !== null) lossByDirection.set({ peer, direction: 'out' }, path.lossOutRatio);
    if (path.lossInRatio !== null) lossByDirection.set({ peer, direction: 'in' }, path.lossInRatio);
  }
}

/** Neither gone nor refused altogether: names are unique among these. */
function isInUse({ kind, path }: Peer): boolean {
  return kind === 'static' || path.probing !== 'off';
}

interface LabelledAccount {
  readonly worker: number;
  readonly direction: 'egress' | 'ingress';
  readonly account: DirectionAccount;
}

function directionsOf({ worker, egress, ingress }: WorkerAccount): LabelledAccount[] {
  return [
    { worker, direction: 'egress', account: egress },
    { worker, direction: 'ingress', account: ingress },
  ];
}
