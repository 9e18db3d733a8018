/**
 * Path probing over the real dataplane: connects the searches (`paths/`) with the workers, and the path MTUs found with
 * whoever forwards by them.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { type PathState, PathTable, type ProbedPeer } from '../paths/path-table.ts';
import type { ProbeChannel } from './probe-channel.ts';

/** Paths, for whoever knows the peers. */
export interface PathView {
  /** These are the peers that answer probes now. */
  update(peers: readonly ProbedPeer[]): void;
  /** What is known of the path to a peer; `undefined` for one that is not probed. */
  stateOf(peer: number): PathState | undefined;
}

export interface PathProberOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly channel: ProbeChannel;
  /** Packets of pods that were sent to the peer with this number so far. */
  readonly sentPacketsTo: (peer: number) => number;
  /** Called soon after path MTUs changed, once for all that changed together. */
  readonly onChange: () => void;
}

/** How long changes are gathered, in ms: a change makes the workers' whole forwarding table anew. */
const GATHER_MS = 5;

export class PathProber implements PathView {
  readonly #options: PathProberOptions;
  readonly #table: PathTable;
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
    });
    channel.listen(this.#table);
    this.#table.start();
  }

  update(peers: readonly ProbedPeer[]): void {
    if (!this.#isClosed) this.#table.update(peers);
  }

  stateOf(peer: number): PathState | undefined {
    return this.#table.stateOf(peer);
  }

  /** Probes nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#table.stop();
  }

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#options.clock.after(GATHER_MS, () => {
      this.#isGathering = false;
      if (!this.#isClosed) this.#options.onChange();
    });
  }
}
