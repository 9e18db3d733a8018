/** The control API's server: HTTP/1.1 over a Unix socket, JSON in and out. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ConfigError, ConflictError, ExhaustedError, NotFoundError, WeftError } from '../errors.ts';
import type { Logger } from '../env/logger.ts';
import type { Notice } from './api.ts';
import type { ControlHandlers } from './control-handlers.ts';
import { CLIENT_PID_HEADER } from './control-request.ts';
import { answer, type ControlAnswer } from './control-routes.ts';
import { listenOnSocket } from './control-socket.ts';

/** Largest body of a request: a pod request has a few hundred bytes. */
export const MAX_BODY_BYTES = 65_536;

/** What a server needs. */
export interface ControlServerOptions {
  readonly socketPath: string;
  /** Refuses everything that changes something, and lets group `weft` in. */
  readonly readOnly: boolean;
  readonly handlers: ControlHandlers;
  /** Told of errors that are bugs; the client only learns that there was one. */
  readonly logger?: Logger;
}

const statusByCode: Readonly<Record<string, number>> = {
  'request-invalid': 400,
  'not-a-network-namespace': 400,
  'read-only-socket': 403,
  'method-not-allowed': 405,
  'peer-unknown': 404,
  'peer-alive': 409,
  'request-too-large': 413,
};

/** What a client sees of a bug. */
const internalError = new WeftError('internal', 'weft has a bug: see the log of the daemon');

/** One socket. A daemon has two: `weft.sock` and `weft-ro.sock`. */
export class ControlServer {
  /** What a person should know about the socket. */
  readonly notices: readonly Notice[];
  readonly #server: Server;

  private constructor(server: Server, notices: readonly Notice[]) {
    this.#server = server;
    this.notices = notices;
  }

  /** Listens. @throws WeftError `socket-in-use` if somebody else does. */
  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const server = createServer((request, response) => void respond(request, response, options));
    const notices = await listenOnSocket(server, options.socketPath, options.readOnly);
    return new ControlServer(server, notices);
  }

  /** Stops listening, ends connections, removes the socket file. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlServerOptions,
): Promise<void> {
  try {
    const method = request.method ?? 'GET';
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const header = request.headers[CLIENT_PID_HEADER];
    const clientPid = typeof header === 'string' ? header : undefined;
    const body = await readBody(request);
    const parsed = { method, path, query: new URLSearchParams(query), body, clientPid };
    send(response, 200, await answer(parsed, options.handlers, options.readOnly));
  } catch (error) {
    sendError(response, error, options.logger);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let lengthBytes = 0;
    request.on('data', (chunk: Buffer) => {
      lengthBytes += chunk.length;
      if (lengthBytes <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      // Not destroyed: the answer goes out on the same connection, which ends with it.
      request.pause();
      reject(new WeftError('request-too-large', `the body is larger than ${MAX_BODY_BYTES} bytes`));
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}

function sendError(response: ServerResponse, error: unknown, logger: Logger | undefined): void {
  if (!(error instanceof WeftError)) logger?.error({ err: error }, 'a control request failed');
  const { code, message, details } = error instanceof WeftError ? error : internalError;
  if (code === 'request-too-large') response.setHeader('connection', 'close');
  if (Array.isArray(details['allowed'])) response.setHeader('allow', details['allowed'].join(', '));
  send(response, httpStatus(error), { json: { error: { code, message, details } } });
}

function httpStatus(error: unknown): number {
  if (error instanceof ConfigError) return 400;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof ConflictError) return 409;
  if (error instanceof ExhaustedError) return 507;
  return error instanceof WeftError ? (statusByCode[error.code] ?? 500) : 500;
}

function send(response: ServerResponse, status: number, content: ControlAnswer): void {
  const isJson = 'json' in content;
  const body = isJson ? `${JSON.stringify(content.json)}\n` : content.text;
  response.writeHead(status, {
    'content-type': isJson ? 'application/json' : content.contentType,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
