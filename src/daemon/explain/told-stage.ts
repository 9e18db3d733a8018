/** A node's part of an explanation, as it was told: checked, since its weft may be of another version. */
import * as v from 'valibot';
import { fates, type Stage } from '../../explain/explanation.ts';
import { parseTold } from '../remote/told-answer.ts';

const detail = v.union([v.string(), v.number(), v.boolean()]);

/** One step of it. */
export const toldStep = v.object({
  hook: v.string(),
  verdict: v.picklist(['pass', 'doubt', 'unknown', 'stop']),
  text: v.string(),
  details: v.record(v.string(), detail),
});

const stage = v.object({
  node: v.string(),
  steps: v.array(toldStep),
  fate: v.nullable(v.picklist(fates)),
  reason: v.string(),
  masqueraded: v.optional(v.string()),
  next: v.nullable(
    v.object({
      node: v.string(),
      isNode: v.boolean(),
      sender: v.string(),
      endpoint: v.string(),
      trafficClass: v.number(),
      datagrams: v.array(v.string()),
      isPathDown: v.boolean(),
    }),
  ),
});

/** What `node` told. @throws WeftError `remote-unsupported` if it is no such part */
export function parseToldStage(node: string, answer: unknown): Stage {
  return parseTold(stage, node, answer, 'explains');
}
