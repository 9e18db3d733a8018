/**
 * What the main thread and the thread of captures tell each other.
 *
 * The thread serves those who came in by the door (`weft-capture.sock`), drains rings and writes files; it decides nothing.
 * Whether a capture may be, and what of, is for the main thread to say: it is asked. So it is when the thread has nothing to
 * do any more: somebody may be on the way to it.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TapRingMemory } from '../../dataplane/tap-ring.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { CaptureHead, CaptureOverview, CaptureSpec } from '../../api/capture-api.ts';
import type { WorkerFailure } from '../worker/worker-report.ts';

/** Given to the thread when it starts. */
export interface CaptureThreadSetup {
  readonly nodeName: string;
  readonly version: string;
  /** After how long without anybody to serve it says so, in ms. */
  readonly idleMs: number;
  /** How many clients may be there at a time. */
  readonly mostClients: number;
}

/** A capture that was allowed. */
export interface CapturePlan {
  /** Grows with every capture since the daemon was started, from 1. */
  readonly capture: number;
  readonly spec: CaptureSpec;
  /** One per worker, in their order, and one of what the kernel tells. */
  readonly rings: readonly TapRingMemory[];
  /** Addresses of the pod, if there is to be one. */
  readonly podAddresses: readonly IpAddress[] | undefined;
  /** End it after so many bytes of pcapng. */
  readonly maxBytes: number | undefined;
}

/** What the thread asks, and below what it is answered. */
export type CaptureQuestion =
  | { readonly kind: 'begin'; readonly spec: CaptureSpec; readonly client: string }
  /** A capture of another node. */
  | { readonly kind: 'remote'; readonly node: string; readonly spec: CaptureSpec; readonly client: string }
  | { readonly kind: 'remote-end'; readonly capture: number }
  | { readonly kind: 'overview' };

export type CaptureAnswer =
  | { readonly kind: 'begin'; readonly plan: CapturePlan }
  /** The stream comes by `port`, see `byte-port.ts`. */
  | { readonly kind: 'remote'; readonly head: CaptureHead; readonly port: MessagePort }
  | { readonly kind: 'remote-end'; readonly ended: boolean }
  | { readonly kind: 'overview'; readonly overview: CaptureOverview };

/** Why a capture came to its end. */
export type CaptureEnd = 'count' | 'time' | 'size' | 'asked' | 'closed' | 'failed';

/** What a capture amounted to. */
export interface CaptureTotals {
  readonly packets: number;
  /** Packets that there was no room for. */
  readonly lost: number;
  /** Of pcapng. */
  readonly bytes: number;
}

/** From the thread. */
export type CaptureReport =
  | { readonly kind: 'ready' }
  /** For a while there was nobody to serve, of all `tasks` that it was given so far. */
  | { readonly kind: 'idle'; readonly tasks: number }
  | { readonly kind: 'ask'; readonly id: number; readonly question: CaptureQuestion }
  | { readonly kind: 'ended'; readonly capture: number; readonly end: CaptureEnd; readonly totals: CaptureTotals };

/** From the main thread. `client` and `serve` are the tasks that it gives. */
export type CaptureOrder =
  /** Serve who came in by the door: see `socket-handover.ts`. */
  | { readonly kind: 'client'; readonly fd: number }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: CaptureAnswer }
  | { readonly kind: 'refusal'; readonly id: number; readonly failure: WorkerFailure }
  /** Capture for another node: the stream goes into `port`. */
  | { readonly kind: 'serve'; readonly plan: CapturePlan; readonly port: MessagePort }
  | { readonly kind: 'end'; readonly capture: number }
  | { readonly kind: 'names'; readonly names: NamesSlice }
  | { readonly kind: 'close' };

/** Names of peers, and a part of the routes: many routes are told in several parts, so that nothing has to wait for them. */
export interface NamesSlice {
  /** Forget what was told before. */
  readonly isFirst: boolean;
  readonly peers: readonly NamedPeer[];
  readonly routes: readonly NamedRoute[];
}

/** A number as records have it. */
export interface NamedPeer {
  readonly number: number;
  readonly name: string;
  /** Name of the node that it is reached through; empty: straight. */
  readonly relay: string;
  /** In the underlay. */
  readonly address: IpAddress | undefined;
}

export interface NamedRoute {
  readonly prefix: Prefix;
  /** Name of the node that has it. */
  readonly origin: string;
  readonly version: number;
}
