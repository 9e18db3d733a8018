/** What the control API answers about what became of packets; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import { type DropHandlers, parseDropQuery } from './drops.ts';
import type { ExplainHandlers } from './explain-handlers.ts';
import { parseExplainQuery } from './explain-request.ts';
import { parseFlowQuery } from './flows.ts';

export const explainAnswerers: Answerers<ExplainHandlers & DropHandlers> = {
  'GET /v1/explain': async (handlers, { query }) => ({ json: await handlers.explain(parseExplainQuery(query)) }),
  'GET /v1/flows': async (handlers, { query }) => ({ json: await handlers.flows(parseFlowQuery(query)) }),
  'GET /v1/drops': async (handlers, { query }) => ({ json: await handlers.drops(parseDropQuery(query)) }),
};
