/**
 * A door at which HTTP/1.1 is spoken: one request per connection, a bounded number of connections, and bounded times.
 *
 * A connection that is kept for a next request would only be one to hold: who asks is on the same machine, and a new one costs nothing.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer, type Server as Listener, type Socket } from 'node:net';
import type { Logger } from '../../env/logger.ts';
import { readBody, sendError } from './http-exchange.ts';
import { Visitors, type VisitorCounters, type VisitorsOptions } from './visitors.ts';

export interface HttpDoorOptions extends VisitorsOptions {
  /** Answers. What it throws becomes the answer, or the end of one that was begun. */
  readonly respond: (request: IncomingMessage, body: string, response: ServerResponse) => void | Promise<void>;
  /** Longest body of a request, in bytes; absent: that of any other. */
  readonly mostBodyBytes?: (request: IncomingMessage) => number | undefined;
  /** Told of errors that are bugs; the client only learns that there was one. */
  readonly logger?: Logger | undefined;
}

const FULL = 'as many clients as may are being served: try again';
const refusal = answerOf('503 Service Unavailable', { error: { code: 'door-full', message: FULL, details: {} } });

export class HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #visitors: Visitors;
  readonly #http: Server;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#visitors = new Visitors(options);
    // It never listens itself, and so has no times of its own: those of the visitors count.
    this.#http = createHttpServer((request, response) => void this.#exchange(request, response));
    this.#http.maxRequestsPerSocket = 1;
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  /** How many are connected. */
  get connections(): number {
    return this.#visitors.count;
  }

  /** What became of those that were not served. */
  get counters(): Readonly<VisitorCounters> {
    return this.#visitors.counters;
  }

  /** What listens for this door, where somebody has it listen. */
  listener(): Listener {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.serve(socket));
    // Once it listens: a connection that cannot be accepted. Its client finds out.
    listener.on('listening', () => listener.on('error', () => undefined));
    return listener;
  }

  /** Answers whoever is at the other end of `socket`. */
  serve(socket: Socket): void {
    if (this.#visitors.admit(socket)) {
      this.#http.emit('connection', socket);
      return;
    }
    socket.on('error', () => undefined);
    socket.write(refusal);
    socket.destroySoon();
  }

  /** Ends connections. */
  close(): void {
    this.#visitors.sendAllAway();
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const { respond, mostBodyBytes, logger } = this.#options;
    response.setHeader('connection', 'close');
    try {
      const body = await readBody(request, mostBodyBytes?.(request));
      this.#visitors.serve(socket);
      await respond(request, body, response);
    } catch (error) {
      // It was sent away, or left.
      if (socket.destroyed) return;
      if (response.headersSent) response.destroy();
      else sendError(response, error, logger);
    }
    this.#visitors.dismiss(socket);
  }
}

function answerOf(status: string, body: object): string {
  const text = `${JSON.stringify(body)}\n`;
  const head = ['content-type: application/json', `content-length: ${Buffer.byteLength(text)}`, 'connection: close'];
  return `HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\n\r\n${text}`;
}
