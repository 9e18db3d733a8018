/** Every Prometheus metric of the daemon, declared here and nowhere else. Names: `weft_<noun>_<unit>_total`. */
import { Counter, Gauge, Registry } from '@prometheus-io/client';
import type { DirectionAccount, WorkerAccount } from '../dataplane/accounts.ts';
import type { Status } from './api.ts';

/**
 * The metrics of one daemon.
 *
 * Each text is made from one {@link Status}, so that the accounts in it add up: a registry that lives as long as the
 * process would mix the moments of two scrapes that overlap.
 */
export class Metrics {
  readonly #source: () => Status;

  constructor(source: () => Status) {
    this.#source = source;
  }

  /** Prometheus text format, version 0.0.4. */
  async text(): Promise<string> {
    const registry = new Registry();
    const status = this.#source();
    declareAccounts(registry, status);
    declareLosses(registry, status);
    declareMembership(registry, status);
    declareNode(registry, status);
    return await registry.metrics();
  }
}

function declareAccounts(registry: Registry, { workers, residual }: Status): void {
  const registers = [registry];
  const packets = new Counter({
    name: 'weft_packets_total',
    help: 'Inner IP packets, by account. received + originated = sent + delivered + dropped + queued, per worker and direction.',
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
    help: 'Bytes of inner IP packets: received, and forwarded (sent or delivered).',
    labelNames: ['worker', 'direction', 'account'],
    registers,
  });
  for (const { worker, direction, account } of workers.flatMap(directionsOf)) {
    const labels = { worker, direction };
    for (const name of ['received', 'originated', 'sent', 'delivered'] as const) {
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
  for (const { worker, socketOverflow } of workers) overflow.inc({ worker }, socketOverflow);
  new Counter({
    name: 'weft_tun_queue_overflow_packets_total',
    help: 'Packets that the kernel dropped because the queue of the TUN device was full.',
    registers,
  }).inc(tunQueueOverflow);
}

function declareMembership(registry: Registry, { gossip }: Status): void {
  const registers = [registry];
  const members = new Gauge({
    name: 'weft_members',
    help: 'Members that gossip knows, this node included, by state.',
    labelNames: ['state'],
    registers,
  });
  for (const [state, count] of Object.entries(gossip.members)) members.set({ state }, count);
  const refused = new Counter({
    name: 'weft_gossip_refused_messages_total',
    help: 'Gossip messages that were refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, count] of Object.entries(gossip.refused)) refused.inc({ reason }, count);
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
