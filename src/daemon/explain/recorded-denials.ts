/**
 * What the flight recorder has of packets that network policies deny, or would deny: as the kernel tells them, up to a rate for each rule and each source.
 *
 *     a source has its share  ──another of its packets──> its oldest one goes
 *     all that there may be   ──another packet──────────> the oldest of all goes
 *
 * Beside the rings of workers, and with a share for each source: who sends what is denied as fast as can be pushes out neither what workers
 * dropped nor what was denied to others. On the main thread: bounded, as `PolicyLog` takes so many packets at a time.
 */
import { KernelReason } from '../../dataplane/drop-reason.ts';
import { recordedHeader } from '../../dataplane/flight-records.ts';
import { Hook } from '../../dataplane/hook.ts';
import { readFlow } from '../../explain/packet-flow.ts';
import type { RecordedPacket } from '../../explain/recorded-packet.ts';
import { wholeLength } from '../capture/denied-taps.ts';
import type { DeniedPacket } from '../policy/policy-log.ts';
import type { MomentWindow } from './moment-window.ts';

/** Packets that are kept: some 2 MB. */
export const MAX_DENIALS = 4_096;

/** Those of one source address. */
export const MAX_DENIALS_OF_SOURCE = 256;

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000;

/** What they are: denied, or allowed although policies in audit mode would deny them. */
export type DenialKind = 'drops' | 'audits';

export interface RecordedDenialsOptions {
  /** How much CLOCK_REALTIME is ahead of CLOCK_MONOTONIC. */
  readonly realtimeAheadNs: () => bigint;
  /** CLOCK_MONOTONIC. */
  readonly nowNs: () => bigint;
  /** Whether a packet comes from a pod of this node, rather than going to one. */
  readonly isOutward: (packet: DeniedPacket) => boolean;
}

interface Entry {
  readonly kind: DenialKind;
  readonly source: string;
  /** By CLOCK_MONOTONIC. */
  readonly heardMs: number;
  readonly record: RecordedPacket;
}

export class RecordedDenials {
  readonly #options: RecordedDenialsOptions;
  /** The oldest first, here and below. */
  readonly #entries = new Set<Entry>();
  readonly #ofSource = new Map<string, Entry[]>();

  constructor(options: RecordedDenialsOptions) {
    this.#options = options;
  }

  hear(packets: readonly DeniedPacket[]): void {
    const { realtimeAheadNs, nowNs } = this.#options;
    const [aheadNs, heardMs] = [realtimeAheadNs(), Number(nowNs()) / NS_PER_MS];
    for (const packet of packets) {
      this.#add({
        kind: packet.denier.isAudit ? 'audits' : 'drops',
        source: readFlow(packet.packet)?.source ?? '',
        heardMs,
        record: this.#recordOf(packet, packet.timeNs - aheadNs),
      });
    }
  }

  /**
   * Those of one kind that were heard of in this window, by CLOCK_MONOTONIC, the newest first. Not by their own time: that is up to 400 ms
   * before, and who asks again for what is new would miss them.
   */
  list(kind: DenialKind, { fromMs, toMs }: MomentWindow): readonly RecordedPacket[] {
    return [...this.#entries]
      .filter((entry) => entry.kind === kind && entry.heardMs >= fromMs && entry.heardMs < toMs)
      .map(({ record }) => record)
      .toReversed();
  }

  #recordOf(denied: DeniedPacket, timeNs: bigint): RecordedPacket {
    const { packet, denier } = denied;
    return {
      seconds: Number(timeNs / NS_PER_SECOND),
      nanoseconds: Number(timeNs % NS_PER_SECOND),
      hook: denier.isAudit ? Hook.audit : Hook.drop,
      direction: this.#options.isOutward(denied) ? 'egress' : 'ingress',
      reason: KernelReason.policyDenied,
      peer: 0,
      lengthBytes: wholeLength(packet),
      segments: 1,
      header: recordedHeader(packet),
      isDatagram: false,
      denial: { policy: denier.policy, rule: denier.text },
    };
  }

  #add(entry: Entry): void {
    const { source } = entry;
    const before = this.#ofSource.get(source) ?? [];
    if (before.length === MAX_DENIALS_OF_SOURCE) this.#forget(before[0]!);
    else if (this.#entries.size === MAX_DENIALS) this.#forget(this.#entries.values().next().value!);
    this.#entries.add(entry);
    const own = this.#ofSource.get(source);
    if (own === undefined) this.#ofSource.set(source, [entry]);
    else own.push(entry);
  }

  /** @param oldest of its source. */
  #forget(oldest: Entry): void {
    this.#entries.delete(oldest);
    const own = this.#ofSource.get(oldest.source)!;
    own.shift();
    if (own.length === 0) this.#ofSource.delete(oldest.source);
  }
}
