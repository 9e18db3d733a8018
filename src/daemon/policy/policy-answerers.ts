/** What the control API answers about network policies; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import type { PolicyHandlers } from './policy-handlers.ts';

export const policyAnswerers: Answerers<PolicyHandlers> = {
  'GET /v1/policies': (handlers) => ({ json: handlers.policies() }),
};
