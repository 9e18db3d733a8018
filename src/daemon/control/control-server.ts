/** The control API's server: HTTP/1.1 over a Unix socket, JSON in and out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { Logger } from '../../env/logger.ts';
import type { Notice } from '../../api/control-api.ts';
import type { ControlHandlers } from './control-handlers.ts';
import { CLIENT_PID_HEADER } from '../doors/control-exchange.ts';
import { answer } from './control-routes.ts';
import { listenOnSocket } from '../doors/door-socket.ts';
import { HttpDoor } from '../doors/http-door.ts';
import type { VisitorsOptions } from '../doors/visitors.ts';
import { send } from '../doors/http-exchange.ts';

/** Longest body of a request that gives policies, in bytes: all that the rulebook takes, with what API servers add. */
const MAX_POLICIES_BYTES = 16_777_216;

/** What a server needs. */
export interface ControlServerOptions extends VisitorsOptions {
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
  readonly #door: HttpDoor;
  readonly #listener: Server;

  private constructor(door: HttpDoor, listener: Server, notices: readonly Notice[]) {
    this.#door = door;
    this.#listener = listener;
    this.notices = notices;
  }

  /** Who is connected, and what became of others. */
  get door(): Pick<HttpDoor, 'connections' | 'counters'> {
    return this.#door;
  }

  /** Listens. @throws WeftError `socket-in-use` if somebody else does. */
  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const door = new HttpDoor({
      ...options,
      respond: async (request, body, response) => respond(request, body, response, options),
      mostBodyBytes: ({ method, url }) =>
        !options.readOnly && method === 'POST' && url === '/v1/policies' ? MAX_POLICIES_BYTES : undefined,
    });
    const listener = door.listener();
    const { socketPath: path, readOnly } = options;
    const key = readOnly ? 'control.readOnlySocket' : 'control.socket';
    const notices = await listenOnSocket(listener, { path, key }, readOnly);
    return new ControlServer(door, listener, notices);
  }

  /** Stops listening, ends connections, removes the socket file. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      this.#door.close();
    });
  }
}

async function respond(
  request: IncomingMessage,
  body: string,
  response: ServerResponse,
  options: ControlServerOptions,
): Promise<void> {
  const method = request.method ?? 'GET';
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const header = request.headers[CLIENT_PID_HEADER];
  const clientPid = typeof header === 'string' ? header : undefined;
  const parsed = { method, path, query: new URLSearchParams(query), body, clientPid };
  send(response, 200, await answer(parsed, options.handlers, options.readOnly));
}
