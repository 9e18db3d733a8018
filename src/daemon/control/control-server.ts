/** The control API's server: HTTP/1.1 over a Unix socket, JSON in and out. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../../env/logger.ts';
import type { Notice } from '../api.ts';
import type { ControlHandlers } from './control-handlers.ts';
import { CLIENT_PID_HEADER } from './control-request.ts';
import { answer } from './control-routes.ts';
import { listenOnSocket } from './control-socket.ts';
import { readBody, send, sendError } from './http-exchange.ts';

/** What a server needs. */
export interface ControlServerOptions {
  readonly socketPath: string;
  /** Refuses everything that changes something, and lets group `weft` in. */
  readonly readOnly: boolean;
  readonly handlers: ControlHandlers;
  /** Told of errors that are bugs; the client only learns that there was one. */
  readonly logger?: Logger;
}

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
