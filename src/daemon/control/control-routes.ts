/** The paths of the control API and who answers them; `docs/api.md` documents each. */
import { NotFoundError, WeftError } from '../../errors.ts';
import type { ControlHandlers } from './control-handlers.ts';
import {
  parseEventFilter,
  parseForce,
  parseKeyId,
  parseKeyRequest,
  parseNodeName,
  parsePlaceName,
  parsePodName,
  parsePodNamespace,
  parsePodRequest,
  parseRepair,
} from './control-request.ts';
import { parseClientPid } from '../doors/client-pid.ts';
import { attachmentAnswerers } from '../cni/attachment-answerers.ts';
import { captureAnswerers } from '../capture/capture-answerers.ts';
import { doctorAnswerers } from '../doctor/doctor-answerers.ts';
import {
  type Answerer,
  type Answerers,
  type ControlAnswer,
  type ControlRequest,
  METRICS_CONTENT_TYPE,
} from '../doors/control-exchange.ts';
import { explainAnswerers } from '../explain/explain-answerers.ts';
import { faultAnswerers } from '../faults/fault-answerers.ts';
import { policyAnswerers } from '../policy/policy-answerers.ts';
import { probeAnswerers } from '../probes/probe-answerers.ts';
import { rulebookAnswerers } from '../rulebook/rulebook-answerers.ts';
import { serviceAnswerers } from '../services/service-answerers.ts';

/** `METHOD PATH`. All but GET change something: they are for `weft.sock` only. */
const answerers: Answerers<ControlHandlers> = {
  'GET /v1/status': async (handlers) => ({ json: await handlers.status() }),
  'GET /v1/peers': (handlers) => ({ json: handlers.peers() }),
  'GET /v1/routes': (handlers) => ({ json: handlers.routes() }),
  'GET /v1/digest': (handlers) => ({ json: handlers.digest() }),
  'GET /v1/events': (handlers, { query }) => ({ json: handlers.events(parseEventFilter(query)) }),
  'GET /v1/audit': (handlers) => ({ json: handlers.lastAudit() }),
  'GET /v1/pods': async (handlers) => ({ json: await handlers.pods() }),
  'GET /v1/directory': async (handlers) => ({ json: await handlers.directory() }),
  'GET /v1/place': async (handlers, { query }) => ({ json: await handlers.place(parsePlaceName(query)) }),
  'GET /v1/ipam': (handlers) => ({ json: handlers.ipamStatus() }),
  'GET /v1/keys': (handlers) => ({ json: handlers.keys() }),
  'GET /v1/version': (handlers) => ({ json: handlers.version() }),
  'GET /metrics': async (handlers) => ({ text: await handlers.metrics(), contentType: METRICS_CONTENT_TYPE }),
  'POST /v1/audit': async (handlers) => ({ json: await handlers.audit() }),
  'DELETE /v1/peers/NODE': (handlers, _request, name) => ({ json: handlers.forgetPeer(parseNodeName(name)) }),
  'PUT /v1/pods/NAME': async (handlers, { body, clientPid }, segment) => {
    const name = parsePodName(segment);
    const pid = parseClientPid(clientPid);
    return { json: await handlers.addPod(name, parsePodRequest(body), pid) };
  },
  'DELETE /v1/pods/NAME': async (handlers, { query }, name) => ({
    json: { removed: await handlers.removePod(parsePodName(name), parsePodNamespace(query)) },
  }),
  'POST /v1/ipam/check': async (handlers, { query }) => ({ json: await handlers.checkLeases(parseRepair(query)) }),
  'POST /v1/keys': (handlers, { body }) => ({ json: handlers.addKey(parseKeyRequest(body)) }),
  'PUT /v1/keys/ID': (handlers, { query }, id) => ({ json: handlers.useKey(parseKeyId(id), parseForce(query)) }),
  'DELETE /v1/keys/ID': (handlers, { query }, id) => ({
    json: { removed: handlers.removeKey(parseKeyId(id), parseForce(query)) },
  }),
  ...attachmentAnswerers,
  ...captureAnswerers,
  ...doctorAnswerers,
  ...explainAnswerers,
  ...faultAnswerers,
  ...policyAnswerers,
  ...probeAnswerers,
  ...rulebookAnswerers,
  ...serviceAnswerers,
};

/** What a client may ask for, for the answer to a path that does not exist. */
export const controlPaths: readonly string[] = Object.keys(answerers);

interface Endpoint {
  readonly method: string;
  /** Up to the name, if it has one. */
  readonly path: string;
  readonly takesName: boolean;
  readonly answer: Answerer<ControlHandlers>;
}

const endpoints = Object.entries(answerers).map(([key, answer]): Endpoint => {
  const [method = '', path = ''] = key.split(' ');
  const takesName = /\/[A-Z]+$/.test(path);
  return { method, path: takesName ? path.slice(0, path.lastIndexOf('/') + 1) : path, takesName, answer };
});

/**
 * Answers one request.
 *
 * @throws WeftError `read-only-socket`, `method-not-allowed`, `not-found`, and whatever the handler throws.
 */
export async function answer(
  request: ControlRequest,
  handlers: ControlHandlers,
  readOnly: boolean,
): Promise<ControlAnswer> {
  const { method, path } = request;
  const here = endpoints.filter((one) => (one.takesName ? path.startsWith(one.path) : path === one.path));
  if (here.length === 0) throw new NotFoundError('not-found', `there is no ${path} here`, { paths: controlPaths });
  const endpoint = here.find((one) => one.method === (method === 'HEAD' ? 'GET' : method));
  if (endpoint === undefined) throw methodNotAllowed(method, path, here);
  if (readOnly && endpoint.method !== 'GET') {
    throw new WeftError('read-only-socket', `this socket is for reading only: ${method} ${path} needs weft.sock`);
  }
  return await endpoint.answer(handlers, request, path.slice(endpoint.path.length));
}

function methodNotAllowed(method: string, path: string, here: readonly Endpoint[]): WeftError {
  const allowed = here.map((one) => one.method);
  return new WeftError('method-not-allowed', `${path} has no ${method}, only ${allowed.join(' and ')}`, { allowed });
}
