/**
 * Asking other nodes: one question and one answer, or a stream, over sealed connections to their gossip endpoint.
 *
 * Only where gossip is authenticated: who asks and who is asked is then a node of the cluster, and nobody reads along.
 */

/** The node that asks. */
export interface RemoteCaller {
  readonly name: string;
  readonly identity: string;
}

/** How much the clock of another node is ahead of this one's. */
export interface ClockOffset {
  readonly offsetNs: number;
  /** Half of the round trip within which it was measured: the true offset is not further away than this. */
  readonly uncertaintyNs: number;
}

/** What another node sends: `head` at once, and then chunks until it ends. Whoever stops iterating ends the stream. */
export interface RemoteStream {
  readonly head: unknown;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What one of several nodes said. */
export type RemoteOutcome<Answer> =
  | { readonly node: string; readonly answer: Answer }
  | { readonly node: string; readonly error: { readonly code: string; readonly message: string } };

/** Answers a question; what it throws as `WeftError` is thrown again at the caller's. */
export type RemoteAnswerer = (body: unknown, caller: RemoteCaller) => unknown;

/** Begins a stream. `signal` is aborted when the caller is gone. Chunks are asked for one at a time. */
export type RemoteStreamer = (
  body: unknown,
  caller: RemoteCaller,
  signal: AbortSignal,
) => RemoteStream | Promise<RemoteStream>;

/** All of it. Bodies and answers are JSON. Names are those of nodes; this node's own is answered here, without a connection. */
export interface RemoteNodes {
  /** Names of all live nodes of the cluster, this one included, in order. */
  names(): readonly string[];
  /**
   * @throws WeftError `peer-unknown`, `remote-off` (authentication is off), `remote-unreachable`, `remote-unsupported` (the node
   *   does not know the question), and what the other node threw
   */
  ask<Answer>(node: string, question: string, body: unknown): Promise<Answer>;
  /** Asks all live nodes at once, this one included. Never rejects. */
  askAll<Answer>(question: string, body: unknown): Promise<readonly RemoteOutcome<Answer>[]>;
  /** @throws as {@link ask} */
  stream(node: string, question: string, body: unknown): Promise<RemoteStream>;
  /** Measured anew: the best of 8 round trips. Zero for this node itself. @throws as {@link ask} */
  clockOffset(node: string): Promise<ClockOffset>;
  /** Registers who answers `question`, once. */
  answer(question: string, answerer: RemoteAnswerer): void;
  /** Registers who streams at `question`, once. */
  serve(question: string, streamer: RemoteStreamer): void;
}
