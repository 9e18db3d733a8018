/** What the control API answers about network policies; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import { parsePolicyTitle, type PolicyCountHandlers } from './policy-count-handlers.ts';
import type { PolicyHandlers } from './policy-handlers.ts';

export const policyAnswerers: Answerers<PolicyHandlers & PolicyCountHandlers> = {
  'GET /v1/policies': (handlers) => ({ json: handlers.policies() }),
  'GET /v1/policies/counts': async (handlers) => ({ json: await handlers.policyCounts() }),
  'GET /v1/policies/rules': async (handlers, { query }) => ({
    json: await handlers.policyRules(parsePolicyTitle(query)),
  }),
  'GET /v1/policies/denials': async (handlers) => ({ json: await handlers.policyDenials() }),
};
