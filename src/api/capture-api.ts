/**
 * What is asked of `weft-capture.sock`, and what it answers: HTTP/1.1 over a Unix socket that only root may open. Types only;
 * `docs/api.md` documents every key.
 *
 *   GET    /v1/captures       CaptureOverview
 *   POST   /v1/captures       CaptureSpec -> a pcapng stream; the header {@link CAPTURE_HEADER} has the {@link CaptureHead}
 *   DELETE /v1/captures/ID    -> { ended: boolean }     in order: what was captured, and the statistics, still come
 *
 * Whoever closes the connection ends the capture, too.
 */
import type { BpfProgram } from '../capture/bpf-program.ts';

/** A filter as a person wrote it, and what libpcap made of it, for raw IP packets (DLT_RAW). */
export interface CaptureFilter {
  readonly text: string;
  readonly program: BpfProgram;
}

/** What to capture. Nothing given: everything at every hook, until it is ended. */
export interface CaptureSpec {
  /** Name of the node; absent: this one. */
  readonly node?: string;
  /** Of the inner IP packet. */
  readonly filter?: CaptureFilter;
  /** Of the IP packet around it; hooks that show none have nothing to match. */
  readonly outer?: CaptureFilter;
  /** Names of hooks. */
  readonly hooks?: readonly string[];
  /** A pod, `web`, or `n2/web`: packets from or to its addresses. A name alone is first looked for at the node that captures. */
  readonly pod?: string;
  /** Name of a node: packets that go to it, or come from it. At that node itself: all. */
  readonly peer?: string;
  /** The hook `drop` and no other. */
  readonly dropsOnly?: boolean;
  /** Weft's own probes, too. */
  readonly probes?: boolean;
  /** How much of each packet to keep, counted from its innermost IP header. */
  readonly snaplenBytes?: number;
  /** End after so many packets. */
  readonly count?: number;
  /** End after so long. */
  readonly seconds?: number;
}

/** Said before the stream begins. */
export interface CaptureHead {
  /** Number of the capture, at the node that was asked. */
  readonly capture: number;
  readonly node: string;
  /** How much the clock of that node is ahead of the one of the node that was asked, in ns. */
  readonly clockOffsetNs: number;
  readonly clockUncertaintyNs: number;
}

/** A capture that runs. */
export interface RunningCapture {
  readonly capture: number;
  readonly since: string;
  /** Who asked for it: `root, pid 4711`, `root, pid 4711 on n1`. */
  readonly client: string;
  /** What it is of, in words: `tcp port 80, hooks drop`. */
  readonly what: string;
}

/** What can be captured, and what is. */
export interface CaptureOverview {
  readonly node: string;
  /** Nodes that can be asked, this one included. */
  readonly nodes: readonly string[];
  /** Captures of this node. */
  readonly captures: readonly RunningCapture[];
}

/** Header of the answer that has a {@link CaptureHead}, as JSON. */
export const CAPTURE_HEADER = 'weft-capture';

/** Header of a request that names the person who asks. */
export const CLIENT_USER_HEADER = 'weft-client-user';

/** Of all nodes, without the path of `weft.sock`: `/run/weft/weft.sock` -> `/run/weft/weft-capture.sock`. */
export function captureSocketPath(controlSocketPath: string): string {
  return `${controlSocketPath.replace(/\.sock$/, '')}-capture.sock`;
}
