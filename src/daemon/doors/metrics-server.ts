/** Serves the metrics to Prometheus, over plain HTTP: loopback by default. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { formatIpAddress, type Endpoint } from '../../wire/address.ts';
import { SpacedAnswer } from './spaced-answer.ts';
import { isServedHost } from './host-header.ts';
import { HttpDoor } from './http-door.ts';
import type { VisitorsOptions } from './visitors.ts';
import { portInUse } from '../process/port-holder.ts';
import { METRICS_CONTENT_TYPE } from './control-exchange.ts';

/** How long a text is good for, in ms: any user of the machine may ask as often as it likes, and gossip is not to wait for it. */
const GOOD_FOR_MS = 200;

/** What is served: see `Metrics`. */
export interface MetricsText {
  /** Prometheus text format, version 0.0.4. */
  text(): Promise<string>;
}

export interface MetricsServerOptions extends VisitorsOptions {
  readonly endpoint: Endpoint;
  readonly metrics: MetricsText;
  /** Under which it answers, beside addresses and `localhost`. */
  readonly hostNames: readonly string[];
}

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #door: HttpDoor;
  readonly #listener: Server;
  readonly #text: SpacedAnswer<string>;

  private constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#door = new HttpDoor({
      ...options,
      respond: async (request, _body, response) => this.#respond(request, response),
    });
    this.#listener = this.#door.listener();
    this.#text = new SpacedAnswer({
      find: async () => options.metrics.text(),
      goodForMs: GOOD_FOR_MS,
      nowMs: () => performance.now(),
    });
  }

  /** Port that it listens on: the one asked for, or the kernel's choice for 0. */
  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Who is connected, and what became of others. */
  get door(): Pick<HttpDoor, 'connections' | 'counters'> {
    return this.#door;
  }

  /** Listens. @throws WeftError `port-in-use`, naming who holds the port. */
  static async open(options: MetricsServerOptions): Promise<MetricsServer> {
    const server = new MetricsServer(options);
    await server.#listen();
    return server;
  }

  /** Stops listening and ends connections. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      this.#door.close();
    });
  }

  async #listen(): Promise<void> {
    const { endpoint } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#listener.once('error', reject);
        this.#listener.listen(endpoint.port, formatIpAddress(endpoint.address), () => {
          this.#listener.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw await portInUse('tcp', endpoint, 'serve metrics');
    }
  }

  async #respond({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    };
    if (!isServedHost(headers.host, this.#options.hostNames)) {
      return say(421, 'this is no host of that name: ask by address, or name it in metrics.hostNames');
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET');
      return say(405, 'metrics are only read');
    }
    if (url?.split('?')[0] !== '/metrics') return say(404, 'there is only /metrics here');
    const text = await this.#text.get();
    response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text);
  }
}
