/** What probes found out of paths, for those who forward by it, and the peers that they probe. */
import type { PathState, ProbedPeer } from '../paths/path-table.ts';
import type { RelayedWay, WayPeer } from '../paths/way-table.ts';
import type { Endpoint } from '../wire/address.ts';
import type { ProbedWay } from './relayed-ways.ts';

/** A peer that answers probes, as an end of a path and as a relay. */
export type PathPeer = ProbedPeer & WayPeer;

/** Paths, for whoever knows the peers. */
export interface PathView {
  /**
   * These are the peers that answer probes now.
   *
   * @param number gives numbers to the ways through relays that packets take or that are tried, so that they can be probed.
   */
  update(peers: readonly PathPeer[], number: (ways: readonly RelayedWay[]) => readonly ProbedWay[]): void;
  /** Whether the direct way to a peer is out of order. */
  isDown(peer: number): boolean;
  /** What is known of the path to a peer; `undefined` for one that is not probed. */
  stateOf(peer: number): PathState | undefined;
}

/** A node that is probed. */
export interface ProbedPath {
  /** On the underlay. */
  readonly endpoint: Endpoint;
  /** Nothing comes back at the moment. */
  readonly isDown: boolean;
  /** The longest inner packet that passes, and that the other node could take, in bytes. */
  readonly mtuBytes: number;
  readonly announcedBytes: number;
  /** `undefined`: nothing was answered yet. */
  readonly roundTripMs: unknown;
}
