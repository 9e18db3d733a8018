/** SWIM's failure detector with Lifeguard's local health: who is there? */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Endpoint } from '../wire/address.ts';
import { drawSome } from './draw.ts';
import type { LocalHealth } from './local-health.ts';
import { isLive, type MemberTable } from './member-table.ts';
import type { MemberRecord } from './member-record.ts';
import type { DatagramBody, ProbeMessage } from './message.ts';
import type { Parameters } from './parameters.ts';
import { ProbeOrder } from './probe-order.ts';
import { ProbeRelay } from './probe-relay.ts';
import type { RefusalReason } from './refusals.ts';

/** Capability of nodes that say so when they were asked to probe and got no answer (from version 0.2.0). */
export const NACK_CAPABILITY = 'nack';

/** Probes of ours that may be under way at one time: those out of turn stop here, and those of the round go on. */
const MAX_PROBES = 64;

/** Probes over streams that may be under way at one time. */
const MAX_STREAM_PROBES = 16;

interface Probe {
  readonly sequence: number;
  readonly target: string;
  readonly incarnation: number;
  readonly sentMs: number;
  /** Those who were asked for help and can say that they tried, but have not yet. */
  readonly silentHelpers: Set<string>;
  /** How many that were at first. */
  helpersAsked: number;
}

/** What the detector needs. */
export interface FailureDetectorOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: Parameters;
  readonly table: MemberTable;
  readonly health: LocalHealth;
  /** Sends a datagram. One that asks a suspect must carry the suspicion, so that it can refute (Lifeguard, section 4.3). */
  readonly send: (to: Endpoint, body: DatagramBody) => void;
  /** Asks over a stream; calls back once, and says whether that very node answered. */
  readonly sendOnStream: (to: Endpoint, ping: ProbeMessage, onOutcome: (isAnswered: boolean) => void) => void;
  /** A member did not answer, directly or through others, in the incarnation it had when it was probed. */
  readonly onSilent: (identity: string, incarnation: number) => void;
}

/** What became of probes, since the start. */
export interface ProbeCounts {
  sent: number;
  failed: number;
  /** Answered on the stream when no datagram came through: perhaps something on the way drops UDP. */
  answeredOnStream: number;
}

/**
 * Probes one member per interval, and answers probes of others.
 *
 *     0 ms           ping --> target
 *     150 ms         no ack: ping --> target
 *     300 ms         no ack: ping --> target; indirect-ping --> k others --> ping --> target, whose ack comes back the same
 *                    way, and a nack if there is none; a ping over a stream, which mends what is lost
 *     600 ms         still no ack: silent
 *
 * SWIM pings once, then asks others. Where a tenth of the datagrams is lost, every fifth probe would bother three helpers
 * and open a stream, and one of 400 would remain unanswered, for a stream waits a second for a lost SYN. Two pings more
 * cost less than that, and leave one of 10 000.
 *
 * All these times, and the interval, are longer while this node is unwell; the last one also for a target that says it
 * is slow. Probes of slow targets overlap the next rounds.
 */
export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  readonly #order: ProbeOrder;
  readonly #relay: ProbeRelay;
  readonly #bySequence = new Map<number, Probe>();
  readonly #byTarget = new Map<string, Probe>();
  readonly #counts: ProbeCounts = { sent: 0, failed: 0, answeredOnStream: 0 };
  readonly #roundabout = new Map<string, number>();
  #streamProbes = 0;
  #lastSequence: number;

  constructor(options: FailureDetectorOptions) {
    this.#options = options;
    this.#order = new ProbeOrder(options.random);
    // Acks to an earlier life of this node, still under way, should not match.
    this.#lastSequence = options.random.uint32();
    this.#relay = new ProbeRelay({ ...options, nextSequence: () => this.#nextSequence() });
  }

  get counts(): Readonly<ProbeCounts> {
    return this.#counts;
  }

  /**
   * How many probes in a row were answered by a detour only, through another member or on the stream, by identity of the member.
   * Some of them in a row mean that datagrams do not get there or do not come back.
   */
  get roundabout(): ReadonlyMap<string, number> {
    return this.#roundabout;
  }

  /** A member is live: it gets its turns from now on, until it is found not to be. */
  watch(identity: string): void {
    this.#order.insert(identity);
  }

  /** Probes the member whose turn it is. To be called once per {@link intervalMs}. */
  round(): void {
    const target = this.#nextTarget();
    if (target !== undefined) this.#probe(target);
  }

  /** Time between rounds, in ms. */
  intervalMs(): number {
    return this.#options.health.scaled(this.#options.parameters.probeIntervalMs);
  }

  /** Probes a member out of turn, if there is room. */
  look(identity: string): void {
    const record = this.#options.table.get(identity);
    if (record !== undefined && this.#bySequence.size < MAX_PROBES) this.#probe(record);
  }

  /** Takes a ping, an indirect ping, an ack or a nack of `sender`; says why if it is refused. */
  handle(from: Endpoint, sender: string, body: DatagramBody): RefusalReason | undefined {
    switch (body.kind) {
      case 'none':
        break;
      case 'ping':
        // Whoever had this address before may have been another node; its death must be noticed.
        if (body.target !== this.#options.self) return 'probe-misdirected';
        this.#options.send(from, { kind: 'ack', sequence: body.sequence, target: body.target });
        break;
      case 'indirect-ping':
        return this.#relay.ask(from, body);
      case 'ack':
        return this.#answered(body, sender) || this.#relay.answered(body) ? undefined : 'ack-unexpected';
      case 'nack':
        this.#bySequence.get(body.sequence)?.silentHelpers.delete(sender);
        break;
    }
    return undefined;
  }

  #nextTarget(): MemberRecord | undefined {
    // Those who died since their last turn are met here, each once.
    for (;;) {
      const identity = this.#order.next();
      if (identity === undefined) return undefined;
      const record = this.#options.table.get(identity);
      if (record !== undefined && isLive(record.state)) return record;
      this.#order.delete(identity);
      this.#roundabout.delete(identity);
    }
  }

  #probe({ announcement, incarnation, slowness }: MemberRecord): void {
    const { identity: target, gossipEndpoint } = announcement;
    const { clock, parameters, health, send } = this.#options;
    if (this.#byTarget.has(target)) return;
    const sequence = this.#nextSequence();
    const probe: Probe = {
      sequence,
      target,
      incarnation,
      sentMs: clock.nowMs(),
      silentHelpers: new Set(),
      helpersAsked: 0,
    };
    this.#bySequence.set(sequence, probe);
    this.#byTarget.set(target, probe);
    this.#counts.sent++;
    const ping = (): void => send(gossipEndpoint, { kind: 'ping', sequence, target });
    const timeoutMs = health.scaled(parameters.probeTimeoutMs);
    const verdictMs = health.scaled(parameters.probeVerdictMs) + slowness * parameters.probeIntervalMs;
    ping();
    this.#afterwards(probe, timeoutMs, () => {
      ping();
      this.#afterwards(probe, timeoutMs, () => {
        ping();
        this.#askOthers(probe);
        this.#askOnStream(probe);
        this.#afterwards(probe, verdictMs - 2 * timeoutMs, () => this.#fail(probe));
      });
    });
  }

  /** Runs `action` after a time, if the probe is still under way then. */
  #afterwards(probe: Probe, delayMs: number, action: () => void): void {
    this.#options.clock.after(delayMs, () => {
      if (this.#bySequence.get(probe.sequence) === probe) action();
    });
  }

  #askOthers(probe: Probe): void {
    const { random, table, parameters, send } = this.#options;
    const { sequence, target } = probe;
    // A few more than are needed, for some may be suspect themselves.
    const drawn = drawSome(random, table.liveOthers(), 2 * parameters.indirectProbes + 2);
    const able = drawn.filter(({ state, announcement }) => state === 'alive' && announcement.identity !== target);
    for (const { announcement } of able.slice(0, parameters.indirectProbes)) {
      if (announcement.capabilities.includes(NACK_CAPABILITY)) probe.silentHelpers.add(announcement.identity);
      send(announcement.gossipEndpoint, { kind: 'indirect-ping', sequence, target });
    }
    probe.helpersAsked = probe.silentHelpers.size;
  }

  #askOnStream(probe: Probe): void {
    const record = this.#options.table.get(probe.target);
    if (record === undefined || this.#streamProbes >= MAX_STREAM_PROBES) return;
    this.#streamProbes++;
    const { sequence, target } = probe;
    this.#options.sendOnStream(record.announcement.gossipEndpoint, { sequence, target }, (isAnswered) => {
      this.#streamProbes--;
      if (isAnswered && this.#answered({ sequence, target })) this.#counts.answeredOnStream++;
    });
  }

  /** @param sender who brought the answer; the member itself, or another that was asked to help; `undefined`: a stream did. */
  #answered({ sequence, target }: ProbeMessage, sender?: string): boolean {
    const probe = this.#bySequence.get(sequence);
    if (probe?.target !== target) return false;
    const { clock, health, parameters } = this.#options;
    if (sender === target) this.#roundabout.delete(target);
    else this.#roundabout.set(target, (this.#roundabout.get(target) ?? 0) + 1);
    this.#forget(probe);
    health.probeAnswered(clock.nowMs() - probe.sentMs, parameters.probeVerdictMs);
    return true;
  }

  #fail(probe: Probe): void {
    const { table, health, onSilent } = this.#options;
    this.#forget(probe);
    this.#counts.failed++;
    // A helper that is suspected itself by now owes no sign of life.
    const silent = [...probe.silentHelpers].filter((helper) => table.get(helper)?.state === 'alive');
    health.probeFailed(probe.helpersAsked, silent.length);
    onSilent(probe.target, probe.incarnation);
  }

  #forget({ sequence, target }: Probe): void {
    this.#bySequence.delete(sequence);
    this.#byTarget.delete(target);
  }

  #nextSequence(): number {
    this.#lastSequence = (this.#lastSequence + 1) >>> 0;
    return this.#lastSequence;
  }
}
