/**
 * What was counted of late, for whoever asks whether something goes wrong now: totals since the start do not tell.
 *
 * Samples are taken at intervals, and the oldest of them is what the present is compared with.
 */
import { readFileSync } from 'node:fs';
import type { RecentFacts } from '../../doctor/facts.ts';
import type { Status } from '../../api/control-api.ts';
import { isShortage, shortageIn } from '../../linux/shortage.ts';

/** How often, in ms, and how many samples are kept: a quarter of a minute, so that what is mended is soon forgotten. */
const INTERVAL_MS = 5_000;
const SAMPLES = 4;

/** What of a status is counted. */
export interface CountedStatus extends Pick<Status, 'workers' | 'tunQueueOverflow' | 'kernel'> {
  readonly gossip: Pick<Status['gossip'], 'sendForbidden'>;
}

/** Totals since the start. */
export interface Totals {
  readonly dropped: Readonly<Record<string, number>>;
  readonly udpChecksumErrors: number;
  readonly overflow: number;
}

export interface RecentCountsOptions {
  readonly read: () => Totals;
  /** Any clock that does not jump, in ms. */
  readonly nowMs: () => number;
  readonly intervalMs?: number;
}

export class RecentCounts {
  readonly #options: RecentCountsOptions;
  readonly #timer: NodeJS.Timeout;
  /** Oldest first. */
  readonly #samples: { readonly atMs: number; readonly totals: Totals }[] = [];

  /** Takes samples from now on, until {@link stop}. */
  constructor(options: RecentCountsOptions) {
    this.#options = options;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** What came since the oldest sample. */
  get(): Omit<RecentFacts, 'roundaboutProbes' | 'examples'> {
    const { nowMs } = this.#options;
    const now = this.#read() ?? this.#samples.at(-1)!.totals;
    const { atMs, totals } = this.#samples[0]!;
    const dropped = Object.entries(now.dropped)
      .map(([reason, packets]) => [reason, packets - (totals.dropped[reason] ?? 0)] as const)
      .filter(([, packets]) => packets > 0);
    return {
      seconds: Math.max(1, Math.round((nowMs() - atMs) / 1_000)),
      dropped: Object.fromEntries(dropped),
      udpChecksumErrors: now.udpChecksumErrors - totals.udpChecksumErrors,
      overflow: now.overflow - totals.overflow,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const totals = this.#read();
    if (totals === undefined) return;
    this.#samples.push({ atMs: this.#options.nowMs(), totals });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** `undefined`: there is nothing left to look with. */
  #read(): Totals | undefined {
    try {
      return this.#options.read();
    } catch (error) {
      if (this.#samples.length === 0 || !isShortage(error, 'read the counters of the kernel')) throw error;
      return undefined;
    }
  }
}

/**
 * Totals of all workers and of this network namespace. Among the reasons are those by which weft's rules in the kernel refuse, and
 * `gossip-send-forbidden`.
 */
export function readTotals({ workers, tunQueueOverflow, kernel, gossip }: CountedStatus): Totals {
  const dropped: Record<string, number> = { ...kernel.refused, 'gossip-send-forbidden': gossip.sendForbidden };
  for (const { egress, ingress } of workers) {
    for (const [reason, packets] of [...Object.entries(egress.dropped), ...Object.entries(ingress.dropped)]) {
      dropped[reason] = (dropped[reason] ?? 0) + packets;
    }
  }
  const overflow = workers.reduce((sum, { socketOverflow }) => sum + socketOverflow, tunQueueOverflow);
  return { dropped, udpChecksumErrors: readUdpChecksumErrors(), overflow };
}

/** Of both families: proc_net(5). */
function readUdpChecksumErrors(): number {
  const [names = [], values = []] = textOf('/proc/self/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  const ipv4 = Number(values[names.indexOf('InCsumErrors')] ?? 0);
  const ipv6 = Number(/^Udp6InCsumErrors\s+(\d+)$/m.exec(textOf('/proc/self/net/snmp6'))?.[1] ?? 0);
  return ipv4 + ipv6;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // Taken for 0, all that was ever counted would be new the next time.
    if (shortageIn(error) !== undefined) throw error;
    return '';
  }
}
