/** What other nodes answered, checked before it is believed: their weft may be of another version, or not mean well. */
import * as v from 'valibot';
import { WeftError } from '../../errors.ts';
import type { RemoteOutcome } from './remote-nodes.ts';

/** What an answer has to be like. */
export type ToldShape<Told> = v.GenericSchema<unknown, Told>;

/**
 * What `node` answered.
 *
 * @param what it does with it, as people are told: `tells of its pods`.
 * @throws WeftError `remote-unsupported` if it is of another shape
 */
export function parseTold<Told>(shape: ToldShape<Told>, node: string, answer: unknown, what: string): Told {
  const result = v.safeParse(shape, answer);
  if (result.success) return result.output;
  const problem = `node ${node}: it ${what} in a way that this version of weft does not understand`;
  throw new WeftError('remote-unsupported', problem, { node });
}

/** The same of several nodes: an answer of another shape counts as an error of that node. */
export function parseToldOutcomes<Told>(
  shape: ToldShape<Told>,
  outcomes: readonly RemoteOutcome<unknown>[],
  what: string,
): RemoteOutcome<Told>[] {
  return outcomes.map((outcome) => {
    if ('error' in outcome) return outcome;
    const { node, answer } = outcome;
    try {
      return { node, answer: parseTold(shape, node, answer, what) };
    } catch (error) {
      const { code, message } = error as WeftError;
      return { node, error: { code, message } };
    }
  });
}
