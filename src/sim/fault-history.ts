/** Histories of faults, drawn from a seed. */
import type { Fault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';

/** A small cluster, and what befalls it. */
export interface FaultHistory {
  readonly seed: number;
  readonly nodes: number;
  /** Gossip is authenticated; then there are strangers, and keys are exchanged. */
  readonly isAuthenticated: boolean;
  readonly faults: readonly Fault[];
}

const MIN_NODES = 3;
const MAX_NODES = 9;
const MAX_FAULTS = 10;

/** Histories with authentication: they take more time. */
const AUTHENTICATED_SHARE = 0.3;

/** Kinds of faults, without those that have to do with keys and with them. */
const PLAIN_KINDS = 11;
const KINDS = 13;

/** Few pods fit a datagram, many do not. */
const MOST_PODS = 30;

/** Faults begin within this time: after the nodes found each other, mostly. */
const FIRST_MS = 1_000;
const LAST_MS = 60_000;

/** Some are over before anybody notices, some last longer than every time-out. */
const SHORT_MS = 2_000;
const LONG_MS = 40_000;

/** Places beyond those of the nodes, where one may move to. */
const FREE_PLACES = 4;

/** The stream of randomness; those of clusters have small numbers. */
const STREAM = 0xfa_17;

/** Draws the history of a seed. */
export function drawHistory(seed: number): FaultHistory {
  const random = new SeededRandom(seed, STREAM);
  const nodes = MIN_NODES + random.below(MAX_NODES - MIN_NODES + 1);
  const isAuthenticated = random.happens(AUTHENTICATED_SHARE);
  const count = 1 + random.below(MAX_FAULTS);
  const faults = Array.from({ length: count }, (_, serial) => drawFault(random, nodes, serial, isAuthenticated));
  return { seed, nodes, isAuthenticated, faults: faults.sort((a, b) => a.atMs - b.atMs) };
}

function drawFault(random: SeededRandom, nodes: number, serial: number, isAuthenticated: boolean): Fault {
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  const atMs = Math.round(random.between(FIRST_MS, LAST_MS));
  const durationMs = Math.round(random.between(0, random.happens(0.5) ? SHORT_MS : LONG_MS));
  const node = random.pick(numbers);
  const pair = random.some(numbers, 2) as [number, number];
  switch (random.below(isAuthenticated ? KINDS : PLAIN_KINDS)) {
    case 0:
      return {
        kind: 'crash',
        atMs,
        durationMs,
        node,
        comesBack: random.happens(0.8),
        losesState: random.happens(0.3),
      };
    case 1:
      return { kind: 'leave', atMs, durationMs, node, comesBack: random.happens(0.7) };
    case 2: {
      const some = random.some(numbers, 1 + random.below(Math.max(1, nodes >> 1)));
      return { kind: 'cut', atMs, durationMs, nodes: some.sort((a, b) => a - b), isOneWay: random.happens(0.4) };
    }
    case 3:
      return { kind: 'link', atMs, durationMs, nodes: pair };
    case 4:
      return { kind: 'loss', atMs, durationMs, lossProbability: random.between(0.05, 0.6) };
    case 5:
      return { kind: 'slow', atMs, durationMs, node };
    case 6:
      return {
        kind: 'move',
        atMs,
        durationMs: Math.min(durationMs, SHORT_MS),
        node,
        place: nodes + 1 + random.below(FREE_PLACES),
      };
    case 7:
      return { kind: 'swap', atMs, durationMs: Math.min(durationMs, SHORT_MS), nodes: pair };
    case 8:
      return { kind: 'announce', atMs, node, serial };
    case 9: {
      const count = random.happens(0.5) ? 1 : 1 + random.below(MOST_PODS);
      return { kind: 'pods', atMs, durationMs, node, serial, count, areRemoved: random.happens(0.5) };
    }
    case 10:
      // Few policies: several operators sometimes mean the same one.
      return { kind: 'policy', atMs, durationMs, nodes: pair, serial: serial % 3, isDeleted: random.happens(0.5) };
    case 11:
      // Few keys: several operators sometimes mean the same one, and one that was removed comes back.
      return { kind: 'rotation', atMs, durationMs: LONG_MS, node, serial: 1 + (serial % 3) };
    default:
      return {
        kind: 'stranger',
        atMs,
        durationMs,
        place: nodes + FREE_PLACES + 1 + serial,
        hasForeignKey: random.happens(0.5),
      };
  }
}
