/** A node's part of an explanation with what kernels say before and after weft has the packet. Pure. */
import type { Stage } from './explanation.ts';
import type { JudgedPassage } from './passage.ts';

/** Around what weft says of the packet, in the order in which it passes them. */
export interface StagePassages {
  readonly before: readonly JudgedPassage[];
  readonly after: readonly JudgedPassage[];
}

/** The first that ends the packet is the last that is told. */
export function withPassages(stage: Stage, { before, after }: StagePassages): Stage {
  // Who sends it is said first, and then how it gets from there to weft.
  const isDeparture = stage.steps[0]?.hook === 'from-pod';
  const [first, rest] = isDeparture ? [stage.steps.slice(0, 1), stage.steps.slice(1)] : [[], stage.steps];
  const steps = [...first];
  for (const passage of before) {
    steps.push(...passage.steps);
    if (passage.fate !== null) return endedBy(stage, passage, steps);
  }
  steps.push(...rest);
  const isOver = stage.fate !== null && stage.fate !== 'delivered';
  for (const passage of isOver ? [] : after) {
    steps.push(...passage.steps);
    if (passage.fate !== null) return endedBy(stage, passage, steps);
  }
  return { ...stage, steps };
}

function endedBy(stage: Stage, { fate, reason = '' }: JudgedPassage, steps: Stage['steps']): Stage {
  return { ...stage, steps, fate, reason, next: null };
}
