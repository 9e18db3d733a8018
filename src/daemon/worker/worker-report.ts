/** What the main thread and a dataplane worker tell each other: the setup, once, and the worker's reports. */
import type { MessagePort } from 'node:worker_threads';
import type { CountersMemory } from '../../dataplane/counters.ts';
import type { FaultCountsMemory } from '../../dataplane/fault-counts.ts';
import type { FlightRecorderMemory } from '../../dataplane/flight-recorder.ts';
import type { ForwardingMemory } from '../../dataplane/forwarding-table.ts';
import type { PeerCountersMemory } from '../../dataplane/peer-counters.ts';
import type { ProbeCountsMemory } from '../../dataplane/probe-counts.ts';
import { WeftError } from '../../errors.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { OptionalFeature } from '../config/optional-feature.ts';
import type { ProbeRings } from './probe-channel.ts';
import type { UnderlayOrderMemory } from './underlay-order.ts';
import type { Features } from '../../api/feature.ts';

/** Given to a worker when it starts. All that is shared is shared memory. */
export interface WorkerSetup {
  /** Its number, from 0. */
  readonly worker: number;
  readonly tunDevice: string;
  /** The first one; others come by order. */
  readonly underlayAddress: IpAddress;
  readonly underlayOrder: UnderlayOrderMemory;
  readonly vxlanPort: number;
  readonly vni: number;
  readonly overlayMtuBytes: number;
  /** Largest peer index that the forwarding memory can hold. */
  readonly maxPeers: number;
  readonly without: readonly OptionalFeature[];
  /** Whether outer packets are fragmented for IPv6 over a path below its minimum. */
  readonly outerFragmentation: boolean;
  /** This node's addresses in the overlay. */
  readonly nodeAddresses: readonly IpAddress[];
  /** DSCP of the outer header: that of the inner one, or always this. */
  readonly dscp: 'copy' | number;
  /** CPUs that it may run on; empty: any. */
  readonly cpus: readonly number[];
  /** For how long to look for packets again before it sleeps, in microseconds. */
  readonly busyPollUs: number;
  readonly forwarding: ForwardingMemory;
  readonly counters: CountersMemory;
  readonly peerCounters: PeerCountersMemory;
  /** `undefined`: nothing is recorded. */
  readonly recorder: FlightRecorderMemory | undefined;
  readonly probes: ProbeRings;
  readonly probeCounts: ProbeCountsMemory;
  /** Where what injected faults did is counted; `undefined`: this node injects none, and orders to do so mean nothing. */
  readonly faultCounts: FaultCountsMemory | undefined;
  /** Its first element is not zero when the worker is to end. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  /** Where a `WorkerOrder` is posted. */
  readonly orders: MessagePort;
  /** Descriptor of the `Wakeup` to write after `stop` was set, or something was ordered. */
  readonly wakeupFd: number;
}

/**
 * Posted by a worker: `ready` once, `features` whenever they changed after that, `moved` for each order to take another
 * underlay address (with `failure`, the sockets are those from before), `obeyed` after other orders, with their number, `failed`
 * last of all.
 */
export type WorkerReport =
  | { readonly kind: 'ready'; readonly features: Features }
  | { readonly kind: 'features'; readonly features: Features }
  | { readonly kind: 'moved'; readonly order: number; readonly failure: WorkerFailure | undefined }
  | { readonly kind: 'obeyed'; readonly orders: number }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure };

/** An error in a form that survives the way between threads: a structured clone would lose `code` and `details`. */
export interface WorkerFailure {
  readonly code: string | undefined;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly stack: string | undefined;
}

/** Takes an error apart, on the worker's side. */
export function describeFailure(error: unknown): WorkerFailure {
  if (error instanceof WeftError) {
    return { code: error.code, message: error.message, details: error.details, stack: error.stack };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { code: undefined, message, details: {}, stack };
}

/** Puts it together again, on the main thread's. Of a bug in the worker, the worker's stack is kept. */
export function restoreFailure(failure: WorkerFailure, worker: number): Error {
  const { code, message, details, stack } = failure;
  if (code !== undefined) return new WeftError(code, message, { worker, ...details });
  const error = new WeftError('worker-failed', `dataplane worker ${worker} failed: ${message}`, { worker });
  if (stack !== undefined) error.stack = stack;
  return error;
}
