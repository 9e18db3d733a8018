/** What the control API answers about the rulebook; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import { parseGiveRequest } from './give-request.ts';
import type { RulebookHandlers } from './rulebook-handlers.ts';

export const rulebookAnswerers: Answerers<RulebookHandlers> = {
  'POST /v1/policies': async (handlers, { body }) => ({ json: await handlers.givePolicies(parseGiveRequest(body)) }),
};
