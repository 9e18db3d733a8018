/** The paths of the control API and who answers them; `docs/api.md` documents each. */
import { NotFoundError, WeftError } from '../errors.ts';
import type { ControlHandlers } from './control-handlers.ts';
import { parseClientPid, parsePodName, parsePodRequest } from './control-request.ts';

/** A request, read to its end. */
export interface ControlRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly body: string;
  /** Value of the client's pid header, if there was one. */
  readonly clientPid: string | undefined;
}

/** An answer: a value that becomes JSON, or text as it is. */
export type ControlAnswer = { readonly json: unknown } | { readonly text: string; readonly contentType: string };

const POD_PATH = '/v1/pods/';

/** Content type of Prometheus' text format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const readers: Readonly<Record<string, (handlers: ControlHandlers) => ControlAnswer | Promise<ControlAnswer>>> = {
  '/v1/status': (handlers) => ({ json: handlers.status() }),
  '/v1/peers': (handlers) => ({ json: handlers.peers() }),
  '/v1/routes': (handlers) => ({ json: handlers.routes() }),
  '/v1/pods': (handlers) => ({ json: handlers.pods() }),
  '/v1/version': (handlers) => ({ json: handlers.version() }),
  '/metrics': async (handlers) => ({ text: await handlers.metrics(), contentType: METRICS_CONTENT_TYPE }),
};

/** What a client may ask for, for the answer to a path that does not exist. */
export const controlPaths: readonly string[] = [
  ...Object.keys(readers).map((path) => `GET ${path}`),
  `PUT ${POD_PATH}NAME`,
  `DELETE ${POD_PATH}NAME`,
];

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
  const reader = Object.hasOwn(readers, path) ? readers[path] : undefined;
  if (reader !== undefined) {
    if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(method, path, ['GET']);
    return await reader(handlers);
  }
  if (!path.startsWith(POD_PATH)) {
    throw new NotFoundError('not-found', `there is no ${path} here`, { paths: controlPaths });
  }
  if (method !== 'PUT' && method !== 'DELETE') throw methodNotAllowed(method, path, ['PUT', 'DELETE']);
  if (readOnly) {
    throw new WeftError('read-only-socket', `this socket is for reading only: ${method} ${path} needs weft.sock`);
  }
  const name = parsePodName(path.slice(POD_PATH.length));
  if (method === 'DELETE') return { json: { removed: await handlers.removePod(name) } };
  const clientPid = parseClientPid(request.clientPid);
  return { json: await handlers.addPod(name, parsePodRequest(request.body), clientPid) };
}

function methodNotAllowed(method: string, path: string, allowed: readonly string[]): WeftError {
  return new WeftError('method-not-allowed', `${path} has no ${method}, only ${allowed.join(' and ')}`, { allowed });
}
