/**
 * Path probing over the real dataplane: connects the searches (`paths/`) with the workers, and the path MTUs found with
 * whoever forwards by them.
 */
import type { Clock } from '../../env/clock.ts';
import type { Random } from '../../env/random.ts';
import { type PathState, PathTable } from '../../paths/path-table.ts';
import { type RelayedWay, WayTable } from '../../paths/way-table.ts';
import type { Pace } from '../process/pace.ts';
import type { ProbeChannel } from '../worker/probe-channel.ts';
import type { ProbedWay } from '../../forwarding/relayed-ways.ts';
import type { PathPeer, PathView } from '../../forwarding/path-view.ts';

/** What became of a probe that somebody asked for: how long its answer took, or why there is none. */
export type ProbeOutcome = { readonly roundTripMs: number } | 'lost' | 'too-long-for-device' | 'not-probed';

export interface PathProberOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly channel: ProbeChannel;
  /** Packets of pods that were sent to the peer with this number so far, whatever way they took. */
  readonly sentPacketsTo: (peer: number) => number;
  /** Called soon after path MTUs or ways changed, once for all that changed together. */
  readonly onChange: () => void;
  /** How often: a change may make the workers' whole forwarding table anew. */
  readonly pace: Pace;
}

/** How long changes are gathered at least, in ms. */
const GATHER_MS = 5;

export class PathProber implements PathView {
  readonly #options: PathProberOptions;
  readonly #table: PathTable;
  readonly #ways: WayTable;
  /** Probes that somebody waits for, by their numbers. */
  readonly #awaited = new Map<number, (outcome: ProbeOutcome) => void>();
  #isGathering = false;
  #isClosed = false;

  constructor(options: PathProberOptions) {
    const { clock, random, channel, sentPacketsTo } = options;
    this.#options = options;
    this.#table = new PathTable({
      clock,
      random,
      send: (peer, sizeBytes, sequence) => channel.order(peer, sizeBytes, sequence),
      traffic: sentPacketsTo,
      onChange: () => this.#gather(),
      onLook: () => this.#ways.look(),
    });
    this.#ways = new WayTable({ clock, paths: this.#table, onChange: () => this.#gather() });
    channel.listen({
      answered: (_, sequence, roundTripMs, requestsSeen) => {
        this.#table.answered(sequence, roundTripMs, requestsSeen);
        this.#awaited.get(sequence)?.({ roundTripMs });
      },
      refused: (_, sequence) => {
        this.#table.refused(sequence);
        this.#awaited.get(sequence)?.('too-long-for-device');
      },
    });
    this.#table.start();
  }

  update(peers: readonly PathPeer[], number: (ways: readonly RelayedWay[]) => readonly ProbedWay[]): void {
    if (this.#isClosed) return;
    this.#ways.update(peers);
    const ways = number(this.#ways.relayed());
    this.#table.update([...peers, ...ways]);
    this.#ways.number(ways);
  }

  isDown(peer: number): boolean {
    return this.#ways.isDown(peer);
  }

  stateOf(peer: number): PathState | undefined {
    return this.#table.stateOf(peer);
  }

  /**
   * Sends one probe, whoever has traffic, and waits for its answer.
   *
   * @param peer number of a peer, or of a way through a relay.
   * @param sizeBytes length of the inner IP packet: `MIN_PROBE_BYTES` up to the overlay MTU of this node.
   */
  async probe(peer: number, sizeBytes: number, timeoutMs: number): Promise<ProbeOutcome> {
    const sequence = this.#table.probe(peer, sizeBytes);
    if (sequence === undefined) return 'not-probed';
    const outcome = await new Promise<ProbeOutcome>((resolve) => {
      this.#awaited.set(sequence, resolve);
      this.#options.clock.after(timeoutMs, () => resolve('lost'));
    });
    this.#awaited.delete(sequence);
    return outcome;
  }

  /** Probes nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#table.stop();
  }

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#tellAfter(Math.max(GATHER_MS, this.#options.pace.waitMs));
  }

  #tellAfter(delayMs: number): void {
    const { clock, onChange, pace } = this.#options;
    clock.after(delayMs, () => {
      if (this.#isClosed) return;
      const { waitMs } = pace;
      if (waitMs > 0) return this.#tellAfter(waitMs);
      this.#isGathering = false;
      pace.run(onChange);
    });
  }
}
