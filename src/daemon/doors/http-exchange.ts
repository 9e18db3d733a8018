/** One exchange over HTTP, as all of weft's Unix sockets have it: a body read whole, an answer or an error in JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../env/logger.ts';
import { ConfigError, ConflictError, ExhaustedError, NotFoundError, WeftError } from '../../errors.ts';
import { explainShortage } from '../../linux/shortage.ts';
import type { ControlAnswer } from './control-exchange.ts';

/** Largest body of a request: a pod request has a few hundred bytes. */
export const MAX_BODY_BYTES = 65_536;

const statuses: Readonly<Record<string, number>> = {
  'request-invalid': 400,
  'not-a-network-namespace': 400,
  'read-only-socket': 403,
  'method-not-allowed': 405,
  'peer-unknown': 404,
  'peer-alive': 409,
  'filter-invalid': 400,
  'capture-remote-off': 403,
  'pod-unknown': 404,
  'trace-no-source': 400,
  'rulebook-object-invalid': 400,
  'captures-full': 507,
  'store-failed': 507,
  'remote-off': 409,
  'remote-stranger': 403,
  'remote-too-long': 507,
  'remote-unsupported': 501,
  'remote-unreachable': 502,
  'remote-busy': 503,
  'request-too-large': 413,
};
// Codes come from other nodes, too: `constructor` must not be found.
const statusByCode: ReadonlyMap<string, number> = new Map(Object.entries(statuses));

/** What a client sees of a bug. */
const internalError = new WeftError('internal', 'weft has a bug: see the log of the daemon');

/** The body, to its end. @throws WeftError `request-too-large` */
export async function readBody(request: IncomingMessage, mostBytes = MAX_BODY_BYTES): Promise<string> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let lengthBytes = 0;
    request.on('data', (chunk: Buffer) => {
      lengthBytes += chunk.length;
      if (lengthBytes <= mostBytes) {
        chunks.push(chunk);
        return;
      }
      // Not destroyed: the answer goes out on the same connection, which ends with it.
      request.pause();
      reject(new WeftError('request-too-large', `the body is larger than ${mostBytes} bytes`));
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}

/** Answers with an error. Of a bug the log learns, and the client only that there was one. */
export function sendError(response: ServerResponse, thrown: unknown, logger: Logger | undefined): void {
  const error = thrown instanceof WeftError ? thrown : (explainShortage(thrown, 'do what was asked for') ?? thrown);
  if (!(error instanceof WeftError)) logger?.error({ err: error }, 'a control request failed');
  const { code, message, details } = error instanceof WeftError ? error : internalError;
  if (code === 'request-too-large') response.setHeader('connection', 'close');
  if (code === 'method-not-allowed') response.setHeader('allow', methodsIn(details['allowed']));
  send(response, httpStatus(error), { json: { error: { code, message, details } } });
}

/** Nothing else: what a header cannot hold would be an error within an error. */
function methodsIn(allowed: unknown): string {
  return (Array.isArray(allowed) ? allowed : []).filter((one) => /^[A-Z]+$/.test(String(one))).join(', ');
}

function httpStatus(error: unknown): number {
  if (error instanceof ConfigError) return 400;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof ConflictError) return 409;
  if (error instanceof ExhaustedError) return 507;
  return error instanceof WeftError ? (statusByCode.get(error.code) ?? 500) : 500;
}

/** Answers. */
export function send(response: ServerResponse, status: number, content: ControlAnswer): void {
  const isJson = 'json' in content;
  const body = isJson ? `${JSON.stringify(content.json)}\n` : content.text;
  response.writeHead(status, {
    'content-type': isJson ? 'application/json' : content.contentType,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
