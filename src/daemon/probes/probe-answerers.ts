/** What the control API answers by probes; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import { parseMatrixRequest } from './matrix.ts';
import { parsePingRequest } from './ping.ts';
import type { ProbeHandlers } from './probe-handlers.ts';
import type { TraceHandlers } from './trace-handlers.ts';
import { parseTraceRequest } from './tracer.ts';

export const probeAnswerers: Answerers<ProbeHandlers & TraceHandlers> = {
  'POST /v1/ping': async (handlers, { body }) => ({ json: await handlers.ping(parsePingRequest(body)) }),
  'POST /v1/trace': async (handlers, { body }) => ({ json: await handlers.trace(parseTraceRequest(body)) }),
  'POST /v1/matrix': async (handlers, { body }) => ({ json: await handlers.matrix(parseMatrixRequest(body)) }),
};
