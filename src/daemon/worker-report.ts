/** What the main thread and a dataplane worker tell each other: the setup, once, and the worker's reports. */
import type { CountersMemory } from '../dataplane/counters.ts';
import type { ForwardingMemory } from '../dataplane/forwarding-table.ts';
import { WeftError } from '../errors.ts';
import type { IpAddress } from '../wire/address.ts';

/** What can be left out, for debugging, and is left out where the kernel lacks it. */
export type OptionalFeature = 'tunOffloads' | 'udpSegmentation' | 'udpCoalescing';

/** Given to a worker when it starts. All that is shared is shared memory. */
export interface WorkerSetup {
  /** Its number, from 0. */
  readonly worker: number;
  readonly tunDevice: string;
  readonly underlayAddress: IpAddress;
  readonly vxlanPort: number;
  readonly vni: number;
  readonly overlayMtuBytes: number;
  /** Largest peer index that the forwarding memory can hold. */
  readonly maxPeers: number;
  readonly without: readonly OptionalFeature[];
  readonly forwarding: ForwardingMemory;
  readonly counters: CountersMemory;
  /** Its first element is not zero when the worker is to end. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  /** Descriptor of the `Wakeup` to write after `stop` was set. */
  readonly wakeupFd: number;
}

/** What of the kernel's help is in use, by name. */
export type Features = Readonly<Record<string, boolean>>;

/** Posted by a worker: `ready` once, `features` whenever they changed after that, `failed` last of all. */
export type WorkerReport =
  | { readonly kind: 'ready'; readonly features: Features }
  | { readonly kind: 'features'; readonly features: Features }
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
