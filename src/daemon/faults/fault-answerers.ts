/** What the control API answers about injected faults; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import type { FaultHandlers } from './fault-handlers.ts';
import { parseFaultId, parseFaultRequest } from './fault-request.ts';

export const faultAnswerers: Answerers<FaultHandlers> = {
  'GET /v1/faults': (handlers) => ({ json: handlers.faults() }),
  'POST /v1/faults': async (handlers, { body }) => ({ json: await handlers.addFault(parseFaultRequest(body)) }),
  'DELETE /v1/faults': async (handlers) => ({ json: await handlers.clearFaults() }),
  'DELETE /v1/faults/ID': async (handlers, _request, id) => ({ json: await handlers.removeFault(parseFaultId(id)) }),
};
