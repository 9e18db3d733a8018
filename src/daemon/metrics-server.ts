/** Serves the metrics to Prometheus, over plain HTTP: loopback by default. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatIpAddress, type Endpoint } from '../wire/address.ts';
import { METRICS_CONTENT_TYPE } from './control/control-routes.ts';
import type { Metrics } from './metrics.ts';
import { portInUse } from './port-holder.ts';

export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Port that it listens on: the one asked for, or the kernel's choice for 0. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Listens. @throws WeftError `port-in-use`, naming who holds the port. */
  static async open(endpoint: Endpoint, metrics: Metrics): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      if (request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('there is only /metrics here\n');
        return;
      }
      metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(endpoint.port, formatIpAddress(endpoint.address), resolve);
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw await portInUse('tcp', endpoint, 'serve metrics');
    }
    return new MetricsServer(server);
  }

  /** Stops listening and ends connections. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
