/** What a membership did since its start, in numbers, and how it is. */
import type { Claims } from './claims.ts';
import type { Directives } from './directives.ts';
import type { Dissemination } from './dissemination.ts';
import type { FailureDetector } from './failure-detector.ts';
import type { LocalHealth } from './local-health.ts';
import type { Outbox } from './outbox.ts';
import type { PushPull } from './push-pull.ts';
import type { Suspicions } from './suspicion.ts';

export interface MembershipStatistics {
  /** Claims and directives that wait to be passed on. */
  readonly queueLength: number;
  /** How unwell this node finds itself, 0 to 8. */
  readonly localHealth: number;
  /** Members that are suspect now. */
  readonly suspicions: number;
  readonly suspicionsStarted: number;
  /** Suspicions that turned out wrong. */
  readonly suspicionsRefuted: number;
  readonly deaths: number;
  /** How often this node had to refute what was claimed of it. */
  readonly refutations: number;
  readonly probesSent: number;
  readonly probesFailed: number;
  /** Probes that only a stream answered: perhaps something on the way drops UDP. */
  readonly probesAnsweredOnStream: number;
  /** How many probes in a row were answered by a detour only, by identity of the member; those without any are left out. */
  readonly probesRoundabout: Readonly<Record<string, number>>;
  readonly exchangesStarted: number;
  readonly exchangesFailed: number;
  readonly datagramsSent: number;
  /** Bytes of those datagrams, without the headers of UDP and IP. */
  readonly bytesSent: number;
  readonly directives: number;
}

/** Puts together what the parts of a membership counted. */
export function statisticsOf(parts: {
  readonly dissemination: Dissemination;
  readonly health: LocalHealth;
  readonly suspicions: Suspicions;
  readonly claims: Claims;
  readonly detector: FailureDetector;
  readonly pushPull: PushPull;
  readonly outbox: Outbox;
  readonly directives: Directives;
}): MembershipStatistics {
  const { dissemination, health, suspicions, claims, detector, pushPull, outbox, directives } = parts;
  const { sent, failed, answeredOnStream } = detector.counts;
  return {
    queueLength: dissemination.length,
    localHealth: health.score,
    suspicions: suspicions.size,
    suspicionsStarted: claims.suspicionsStarted,
    suspicionsRefuted: claims.suspicionsRefuted,
    deaths: claims.deaths,
    refutations: claims.refutations,
    probesSent: sent,
    probesFailed: failed,
    probesAnsweredOnStream: answeredOnStream,
    probesRoundabout: Object.fromEntries(detector.roundabout),
    exchangesStarted: pushPull.exchangesStarted,
    exchangesFailed: pushPull.exchangesFailed,
    datagramsSent: outbox.datagramsSent,
    bytesSent: outbox.bytesSent,
    directives: directives.all().length,
  };
}
