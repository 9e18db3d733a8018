/** The metrics of gossip, declared for a registry that is made for each scrape; the histogram lives as long as the daemon. */
import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { MemberChange } from '../../membership/announcement.ts';
import type { MembershipStatistics } from '../../membership/statistics.ts';
import type { Status } from '../../api/control-api.ts';
import type { TimerLateness } from './timer-lateness.ts';

/** From a gossip interval to the longest that a cluster of a thousand nodes may take, and beyond; in seconds. */
const DELAY_BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60];

/** How long announcements were under way until this node used them. */
export class AnnouncementDelays {
  readonly histogram: Histogram;
  readonly #startedMs: number;

  /** @param startedMs on the clock of members. What was announced before was not late: this node was not there. */
  constructor(startedMs: number) {
    this.#startedMs = startedMs;
    this.histogram = new Histogram({
      name: 'weft_announcement_to_use_seconds',
      help: 'Time from the announcement of a node to its use by this one: routes are resolved, and handed to the workers.',
      buckets: DELAY_BUCKETS_SECONDS,
      registers: [],
    });
  }

  /** Takes a change that is in use from `nowMs` on. */
  used({ before, after }: MemberChange, nowMs: number): void {
    if (after === undefined || (after.state !== 'alive' && after.state !== 'suspect')) return;
    if (after.announcement === before?.announcement || after.announcedMs < this.#startedMs) return;
    this.histogram.observe(Math.max(0, nowMs - after.announcedMs) / 1_000);
  }
}

/** What is measured all the time, rather than at each scrape. */
export interface GossipHistograms {
  readonly delays: AnnouncementDelays;
  readonly lateness: TimerLateness;
}

/** Adds everything to `registry`. */
export function declareGossip(registry: Registry, { gossip }: Status, { delays, lateness }: GossipHistograms): void {
  const registers = [registry];
  registry.registerMetric(delays.histogram);
  registry.registerMetric(lateness.histogram);
  const members = new Gauge({
    name: 'weft_members',
    help: 'Members that gossip knows, this node included, by state.',
    labelNames: ['state'],
    registers,
  });
  for (const [state, count] of Object.entries(gossip.members)) members.set({ state }, count);
  new Counter({
    name: 'weft_gossip_received_datagrams_total',
    help: 'Gossip datagrams that came in, refused ones included.',
    registers,
  }).inc(gossip.datagramsReceived);
  new Counter({
    name: 'weft_gossip_socket_overflow_datagrams_total',
    help: 'Gossip datagrams that the kernel dropped because the daemon read its socket too slowly.',
    registers,
  }).inc(gossip.socketOverflow);
  const refused = new Counter({
    name: 'weft_gossip_refused_messages_total',
    help: 'Gossip messages that were refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, count] of Object.entries(gossip.refused)) refused.inc({ reason }, count);
  for (const [key, name, help] of gauges) new Gauge({ name, help, registers }).set(gossip.statistics[key]);
  for (const [key, name, help] of counters) new Counter({ name, help, registers }).inc(gossip.statistics[key]);
}

type Row = readonly [key: Exclude<keyof MembershipStatistics, 'probesRoundabout'>, name: string, help: string];

const gauges: readonly Row[] = [
  ['queueLength', 'weft_gossip_queue_length', 'Claims and directives that wait to be passed on.'],
  ['localHealth', 'weft_gossip_local_health', 'How unwell this node finds itself: 0, well, to 8.'],
  ['suspicions', 'weft_gossip_suspicions', 'Members that are suspect at the moment.'],
  ['directives', 'weft_gossip_directives', 'Orders of operators that are known.'],
];

const counters: readonly Row[] = [
  ['suspicionsStarted', 'weft_gossip_suspicions_started_total', 'Suspicions that began, of whoever raised them.'],
  ['suspicionsRefuted', 'weft_gossip_suspicions_refuted_total', 'Suspicions that turned out wrong.'],
  ['deaths', 'weft_gossip_deaths_total', 'Members that were declared dead.'],
  ['refutations', 'weft_gossip_refutations_total', 'Claims about this node that it had to refute.'],
  ['probesSent', 'weft_gossip_probes_sent_total', 'Probes of members.'],
  ['probesFailed', 'weft_gossip_probes_failed_total', 'Probes that nobody answered in any way.'],
  [
    'probesAnsweredOnStream',
    'weft_gossip_probes_answered_on_stream_total',
    'Probes that were answered over TCP only: perhaps something on the way drops UDP.',
  ],
  ['exchangesStarted', 'weft_gossip_exchanges_started_total', 'Exchanges of state that this node began.'],
  ['exchangesFailed', 'weft_gossip_exchanges_failed_total', 'Exchanges that this node began and that failed.'],
  ['datagramsSent', 'weft_gossip_sent_datagrams_total', 'Gossip datagrams that were sent.'],
  ['bytesSent', 'weft_gossip_sent_bytes_total', 'Bytes of gossip datagrams that were sent, without UDP and IP.'],
];
