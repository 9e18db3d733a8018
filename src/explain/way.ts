/** How a packet fares one way, put together from what each node says; and which of two ways is the worse. Pure. */
import type { ExplainedWay, Fate, Stage } from './explanation.ts';

/** From what is as good as there to what certainly is not. */
const severities: Readonly<Record<Fate, number>> = {
  delivered: 0,
  outside: 0,
  sent: 1,
  unknown: 2,
  lost: 3,
  unreachable: 4,
  diverted: 4,
  blocked: 4,
  dropped: 4,
};

/** The way over these nodes. @param fate where it ends by what they say; what one of them cannot tell makes it unknown. */
export function wayOver(stages: readonly Stage[], fate: Fate): ExplainedWay {
  const steps = stages.flatMap(({ node, steps: own }) => own.map((step) => ({ ...step, node })));
  const isOpen = severities[fate] < severities.unknown;
  const unsure = steps.find(({ verdict }) => verdict === 'unknown');
  const told = isOpen && unsure !== undefined ? 'unknown' : fate;
  const last = stages.at(-1);
  const atEnd = last?.steps[0] && { ...last.steps[0], node: last.node };
  const stopping = fate === 'lost' ? undefined : steps.findLast(({ verdict }) => verdict === 'stop');
  const deciding = told === 'unknown' || isOpen ? unsure : (stopping ?? atEnd);
  const decision = deciding === undefined ? null : { node: deciding.node, hook: deciding.hook, text: deciding.text };
  return {
    fate: told,
    reason: stages.at(-1)?.reason ?? '',
    decision,
    nodes: stages.map(({ node, steps: own }) => ({ node, steps: own })),
  };
}

/** Whether a packet fares worse one way than another. */
export function isWorse(one: Pick<ExplainedWay, 'fate'>, than: Pick<ExplainedWay, 'fate'>): boolean {
  return severities[one.fate] > severities[than.fate];
}
