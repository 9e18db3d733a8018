/** What another node told of a third one, checked. */
import * as v from 'valibot';
import type { Testimony } from '../../doctor/lost-node.ts';
import type { RemoteOutcome } from './remote-nodes.ts';
import { parseToldOutcomes } from './told-answer.ts';

const ago = v.pipe(v.number(), v.finite(), v.minValue(0));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const testimony = v.object({
  state: v.picklist(['alive', 'suspect', 'dead', 'left', 'unknown']),
  sinceAgoMs: ago,
  incarnation: count,
  gossipEndpoint: v.string(),
  endpoint: v.string(),
  knowsSenders: v.boolean(),
  heardAgoMs: v.nullable(ago),
  pinged: v.nullable(v.boolean()),
  refusal: v.nullable(v.string()),
  probes: v.nullable(v.object({ sent: count, answered: count })),
});

/** Those that were told; who told none is left out. */
export function parseToldTestimonies(outcomes: readonly RemoteOutcome<unknown>[]): Testimony[] {
  return parseToldOutcomes(testimony, outcomes, 'tells what it knows of another node').flatMap((one) =>
    'answer' in one ? [{ ...one.answer, witness: one.node }] : [],
  );
}
