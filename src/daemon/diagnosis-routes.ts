/** The paths of the control API by which one finds out where packets went; `docs/api.md` documents each. */
import type { Answerer } from './control/control-routes.ts';
import { parseDoctorQuery } from './doctor/doctor-handlers.ts';
import { parseExplainQuery } from './explain/explain-request.ts';
import { parseFlowQuery } from './explain/flows.ts';
import { parseDropQuery } from './explain/drops.ts';
import { parseFaultId, parseFaultRequest } from './faults/fault-request.ts';
import { parseMatrixRequest } from './probes/matrix.ts';
import { parsePingRequest } from './probes/ping.ts';
import { parseTraceRequest } from './probes/tracer.ts';

/** `METHOD PATH`. All but GET are for `weft.sock` only. Nothing here gives payload to `weft-ro.sock`. */
export const diagnosisAnswerers: Readonly<Record<string, Answerer>> = {
  'GET /v1/captures': (handlers) => ({ json: handlers.captures() }),
  'GET /v1/doctor': async (handlers, { query }) => ({ json: await handlers.doctor(parseDoctorQuery(query)) }),
  'POST /v1/doctor': async (handlers) => ({ json: await handlers.treat() }),
  'GET /v1/explain': async (handlers, { query }) => ({ json: await handlers.explain(parseExplainQuery(query)) }),
  'GET /v1/flows': async (handlers, { query }) => ({ json: await handlers.flows(parseFlowQuery(query)) }),
  'GET /v1/drops': async (handlers, { query }) => ({ json: await handlers.drops(parseDropQuery(query)) }),
  'GET /v1/faults': (handlers) => ({ json: handlers.faults() }),
  'POST /v1/faults': async (handlers, { body }) => ({ json: await handlers.addFault(parseFaultRequest(body)) }),
  'DELETE /v1/faults': async (handlers) => ({ json: await handlers.clearFaults() }),
  'DELETE /v1/faults/ID': async (handlers, _request, id) => ({ json: await handlers.removeFault(parseFaultId(id)) }),
  'POST /v1/ping': async (handlers, { body }) => ({ json: await handlers.ping(parsePingRequest(body)) }),
  'POST /v1/trace': async (handlers, { body }) => ({ json: await handlers.trace(parseTraceRequest(body)) }),
  'POST /v1/matrix': async (handlers, { body }) => ({ json: await handlers.matrix(parseMatrixRequest(body)) }),
};
