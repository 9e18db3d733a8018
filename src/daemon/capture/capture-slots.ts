/**
 * Which captures run on this node: up to eight at a time, each with a slot, a ring per worker, and its line in the history.
 *
 * A worker is told which captures there are whenever that changes; it writes into the rings until then.
 */
import type { BpfProgram } from '../../capture/bpf-program.ts';
import { hostProgram } from '../../capture/host-program.ts';
import { createTapRingMemory, type TapRingMemory } from '../../dataplane/tap-ring.ts';
import { TokenBucket } from '../../dataplane/token-bucket.ts';
import type { Logger } from '../../env/logger.ts';
import { ExhaustedError, NotFoundError } from '../../errors.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { CaptureSpec, RunningCapture } from '../../api/capture-api.ts';
import type { CaptureEnd, CapturePlan, CaptureTotals } from './capture-messages.ts';
import { hookMask } from './capture-hooks.ts';
import { describeCapture } from './capture-request.ts';
import type { DeniedTap } from './denied-taps.ts';
import type { EventSink } from '../process/event-log.ts';
import type { CaptureOrder } from '../worker/worker-orders.ts';

export interface CaptureSlotsOptions {
  readonly nodeName: string;
  readonly workers: number;
  /** Has each worker, in their order, serve these captures and no others. */
  readonly setCaptures: (orders: readonly (readonly CaptureOrder[])[]) => void;
  /** Has what the kernel tells of denied packets be written for these captures and no others. */
  readonly setDenied: (taps: readonly DeniedTap[]) => void;
  readonly isPeer: (name: string) => boolean;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
  /** Any clock that does not jump, in ms: others are let in by it. */
  readonly nowMs: () => number;
}

/** Who wants a capture, and within which limits. */
export interface CaptureWish {
  readonly spec: CaptureSpec;
  /** Of the pod that it is of, if it is of one. */
  readonly podAddresses?: readonly IpAddress[];
  /** `root, pid 4711`, `root, pid 4711 on n2`. */
  readonly client: string;
  readonly isRemote: boolean;
  /** It looks for the packets of one trace only: that is no event. */
  readonly isTrace?: boolean;
  readonly maxBytes?: number;
  /** Of each worker: a power of two. Absent: enough for traffic at full rate. */
  readonly ringBytes?: number;
}

/** As many as a record has bits for them. */
const SLOTS = 8;
/** Others cannot keep this node from capturing. */
export const MAX_REMOTE_CAPTURES = 4;
/** How many others may begin at once, and then one per second: each takes time of all workers, and lines of the history. */
export const MAX_REMOTE_BURST = 60;
const REMOTE_CAPTURES_PER_SECOND = 1;
/** A ring of a worker: what it takes in while the thread is not scheduled, at full rate. */
const RING_BYTES = 8_388_608;
/** All rings of a capture, where there are many workers, which share that rate. */
const MAX_RINGS_BYTES = 67_108_864;
/** A ring of what the kernel tells: some thousand packets, of which it tells the beginning. */
const DENIED_RING_BYTES = 1_048_576;
/** Of a packet, where nobody says: all of it. */
const SNAPLEN_BYTES = 65_535;

interface Slot extends RunningCapture {
  readonly slot: number;
  readonly isRemote: boolean;
  readonly isTrace: boolean;
  readonly spec: CaptureSpec;
  /** What workers look for. The rest of what is wanted is looked at by who reads the rings. */
  readonly program: BpfProgram | undefined;
  readonly rings: readonly TapRingMemory[];
  /** `undefined`: it is of a trace, which asks the kernel itself. */
  readonly deniedRing: TapRingMemory | undefined;
}

export class CaptureSlots {
  readonly #options: CaptureSlotsOptions;
  readonly #running = new Map<number, Slot>();
  #count = 0;
  /** How many others may begin now. */
  readonly #remoteBurst = new TokenBucket(REMOTE_CAPTURES_PER_SECOND, MAX_REMOTE_BURST);

  constructor(options: CaptureSlotsOptions) {
    this.#options = options;
  }

  /** Captures of this node, oldest first. */
  running(): RunningCapture[] {
    return [...this.#running.values()].map(({ capture, since, client, what }) => ({ capture, since, client, what }));
  }

  /** The next number: no two captures that somebody here asks for have the same. */
  number(): number {
    return ++this.#count;
  }

  /**
   * Begins one. Whoever reads its rings calls {@link end}.
   *
   * @throws ExhaustedError `captures-full`; NotFoundError `peer-unknown`; WeftError `filter-invalid`
   */
  begin({
    spec: asked,
    podAddresses,
    client,
    isRemote,
    isTrace = false,
    maxBytes,
    ringBytes,
  }: CaptureWish): CapturePlan {
    const { nodeName, workers, isPeer, wallClockMs } = this.#options;
    const largestRing = Math.min(RING_BYTES, 2 ** Math.floor(Math.log2(MAX_RINGS_BYTES / workers)));
    const { peer, ...ofAll } = asked;
    // All that passes here goes to this node, or comes from it.
    const spec: CaptureSpec = peer === nodeName ? ofAll : asked;
    if (spec.peer !== undefined && !isPeer(spec.peer)) {
      throw new NotFoundError('peer-unknown', `${nodeName} has no peer ${spec.peer}: see "weft peers"`);
    }
    const slot = this.#freeSlot(isRemote);
    if (isRemote) this.#admitRemote();
    const filter = spec.filter?.program;
    const program = podAddresses === undefined ? filter : hostProgram(podAddresses, filter);
    const capture = this.number();
    const rings = Array.from({ length: workers }, () => createTapRingMemory(ringBytes ?? largestRing));
    const deniedRing = isTrace ? undefined : createTapRingMemory(DENIED_RING_BYTES);
    const since = new Date(wallClockMs()).toISOString();
    const what = describeCapture(asked);
    this.#running.set(capture, {
      capture,
      slot,
      isRemote,
      isTrace,
      since,
      client,
      what,
      spec,
      program,
      rings,
      deniedRing,
    });
    try {
      this.#tellWorkers();
    } catch (error) {
      this.#running.delete(capture);
      throw error;
    }
    if (!isTrace) this.#note('capture-started', capture, `was started by ${client}: ${what}`, { client, what });
    const all = deniedRing === undefined ? rings : [...rings, deniedRing];
    return { capture, spec, rings: all, podAddresses, maxBytes };
  }

  /** Ends one. `false` if there is none of this number. */
  end(capture: number, end: CaptureEnd, { packets, lost, bytes }: CaptureTotals): boolean {
    const slot = this.#running.get(capture);
    if (slot === undefined) return false;
    this.#running.delete(capture);
    this.#tellWorkers();
    const { client, what, isTrace } = slot;
    if (isTrace) return true;
    const message = `ended (${end}) with ${packets} packets, and ${lost} lost; it was started by ${client}`;
    this.#note('capture-ended', capture, message, { client, what, end, packets, lost, bytes });
    return true;
  }

  /** Ends all: whoever read them is gone. */
  endAll(): void {
    for (const capture of this.#running.keys()) this.end(capture, 'failed', { packets: 0, lost: 0, bytes: 0 });
  }

  #freeSlot(isRemote: boolean): number {
    const taken = [...this.#running.values()];
    const free = Array.from({ length: SLOTS }, (_, slot) => slot).find((one) =>
      taken.every(({ slot }) => slot !== one),
    );
    const { nodeName } = this.#options;
    if (free === undefined) throw new ExhaustedError('captures-full', `${nodeName} has ${SLOTS} captures already`);
    if (isRemote && taken.filter((one) => one.isRemote).length >= MAX_REMOTE_CAPTURES) {
      const message = `${nodeName} has ${MAX_REMOTE_CAPTURES} captures of other nodes already`;
      throw new ExhaustedError('captures-full', message);
    }
    return free;
  }

  #admitRemote(): void {
    const { nodeName, nowMs } = this.#options;
    this.#remoteBurst.refill(nowMs());
    if (this.#remoteBurst.take()) return;
    const message = `other nodes began too many captures and traces at ${nodeName} just now: try again`;
    throw new ExhaustedError('captures-full', message);
  }

  #tellWorkers(): void {
    const { workers, setCaptures, setDenied } = this.#options;
    const slots = [...this.#running.values()];
    setCaptures(
      Array.from({ length: workers }, (_, worker) =>
        slots.map(({ capture, slot, spec, program, rings }) => ({
          capture,
          slot,
          hooks: hookMask(spec),
          program,
          snaplenBytes: spec.snaplenBytes ?? SNAPLEN_BYTES,
          ring: rings[worker]!,
        })),
      ),
    );
    setDenied(
      slots.flatMap(({ slot, spec, deniedRing }) =>
        deniedRing === undefined
          ? []
          : [{ slot, hooks: hookMask(spec), snaplenBytes: spec.snaplenBytes ?? SNAPLEN_BYTES, ring: deniedRing }],
      ),
    );
  }

  #note(
    kind: 'capture-started' | 'capture-ended',
    capture: number,
    what: string,
    details: Readonly<Record<string, string | number>>,
  ): void {
    const { nodeName, events, logger } = this.#options;
    events.add(kind, {
      subject: nodeName,
      message: `capture ${capture} of ${nodeName} ${what}`,
      details: { capture, ...details },
    });
    logger.info({ capture, ...details }, kind === 'capture-started' ? 'capture started' : 'capture ended');
  }
}
