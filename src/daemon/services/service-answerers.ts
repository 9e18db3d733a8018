/** What the control API answers about services; `docs/api.md` documents the path. */
import type { Answerers } from '../doors/control-exchange.ts';
import type { ServiceHandlers } from './service-handlers.ts';

export const serviceAnswerers: Answerers<ServiceHandlers> = {
  'GET /v1/services': async (handlers) => ({ json: await handlers.services() }),
};
