/**
 * What the main thread orders a worker to do while it runs, but for taking another underlay address (`underlay-order.ts`).
 *
 * Posted through a `MessagePort`. A worker never returns to its event loop: it looks there whenever it is woken.
 */
import { compileFilter } from '../../capture/bpf-compiler.ts';
import type { BpfProgram } from '../../capture/bpf-program.ts';
import type { FaultRule } from '../../dataplane/fault-rule.ts';
import { type TapRingMemory, TapRingWriter } from '../../dataplane/tap-ring.ts';
import type { TapCapture } from '../../dataplane/taps.ts';

/** One capture of one worker. */
export interface CaptureOrder {
  /** Its number. No other one ever has it, and nothing of this one changes. */
  readonly capture: number;
  /** 0 to 7: no two captures have the same. */
  readonly slot: number;
  /** A bit per hook: `1 << Hook.fromPod` and so on. */
  readonly hooks: number;
  /** Which inner packets are wanted; without one, all. */
  readonly program: BpfProgram | undefined;
  readonly snaplenBytes: number;
  /** Of this capture and this worker alone. */
  readonly ring: TapRingMemory;
}

/** Of each kind the last order counts, and takes the place of what was ordered before. */
export type WorkerOrder =
  | { readonly kind: 'captures'; readonly captures: readonly CaptureOrder[] }
  | { readonly kind: 'faults'; readonly rules: readonly FaultRule[] };

/** What `Taps` needs of captures. Those that were there before are not compiled again: packets wait for that. */
export class TapCaptures {
  /** By number. */
  #captures: ReadonlyMap<number, TapCapture> = new Map();

  /** Takes the place of what was ordered before. @throws WeftError `filter-invalid` */
  replace(orders: readonly CaptureOrder[]): readonly TapCapture[] {
    const before = this.#captures;
    this.#captures = new Map(orders.map((order) => [order.capture, before.get(order.capture) ?? tapCaptureOf(order)]));
    return [...this.#captures.values()];
  }
}

function tapCaptureOf({ slot, hooks, program, snaplenBytes, ring }: CaptureOrder): TapCapture {
  return {
    slot,
    hooks,
    filter: program === undefined ? undefined : compileFilter(program),
    superFilter: program === undefined ? undefined : compileFilter(program, { segmentsOf: true }),
    snaplenBytes,
    ring: new TapRingWriter(ring),
  };
}
