/** The doors at which others ask this daemon, opened and closed together: `weft.sock`, `weft-ro.sock`, metrics. */
import { hostname } from 'node:os';
import type { Logger } from '../../env/logger.ts';
import type { StreamLimits } from '../../linux/inbound-streams.ts';
import type { Notice } from '../../api/control-api.ts';
import { BoundedLog } from '../process/bounded-log.ts';
import type { Config } from '../config/config.ts';
import type { ControlHandlers } from './control-handlers.ts';
import { ControlServer } from './control-server.ts';
import { MetricsServer, type MetricsText } from '../doors/metrics-server.ts';
import { DescriptorBudget, type Door } from '../doors/descriptor-budget.ts';
import type { HttpDoor } from '../doors/http-door.ts';
import type { VisitorsOptions } from '../doors/visitors.ts';

/** What answers at them. */
export interface DoorAnswers {
  readonly handlers: ControlHandlers;
  readonly metrics: MetricsText;
}

export class Doors {
  readonly descriptors: DescriptorBudget;
  /** Those that are open. */
  readonly open = new Map<Door, Pick<HttpDoor, 'connections' | 'counters'>>();
  readonly #log: BoundedLog;
  readonly #logger: Logger;
  readonly #servers = new AsyncDisposableStack();

  constructor(workers: number, logger: Logger) {
    this.descriptors = new DescriptorBudget({ workers });
    this.#logger = logger;
    this.#log = new BoundedLog(logger);
  }

  /** For gossip, which has a door of its own. */
  get streams(): StreamLimits {
    return {
      exchanges: () => this.descriptors.mostAt('gossip'),
      conversations: () => this.descriptors.mostAt('conversations'),
    };
  }

  /**
   * Opens them, after all else that the daemon keeps open.
   *
   * @returns what a person should know.
   * @throws WeftError `socket-in-use`, `port-in-use`
   */
  async openAll(
    { control, metrics: { address, hostNames }, nodeName }: Config,
    answers: DoorAnswers,
  ): Promise<Notice[]> {
    const { handlers, metrics } = answers;
    const notices: Notice[] = [];
    for (const [socketPath, readOnly] of [
      [control.socket, false],
      [control.readOnlySocket, true],
    ] as const) {
      const name = readOnly ? 'reading' : 'control';
      const options = { socketPath, readOnly, handlers, logger: this.#logger, ...this.#visitorsAt(name) };
      const server = await ControlServer.open(options);
      this.#servers.defer(() => server.close());
      this.open.set(name, server.door);
      notices.push(...server.notices);
    }
    if (address !== undefined) {
      const names = [hostname(), nodeName, ...hostNames];
      const options = { endpoint: address, metrics, hostNames: names, ...this.#visitorsAt('metrics') };
      const server = await MetricsServer.open(options);
      this.#servers.defer(() => server.close());
      this.open.set('metrics', server.door);
    }
    this.descriptors.settle();
    return notices;
  }

  async close(): Promise<void> {
    await this.#servers.disposeAsync();
  }

  #visitorsAt(door: Door): VisitorsOptions {
    return {
      most: () => this.descriptors.mostAt(door),
      onFull: () => this.#log.warn({ door, connections: this.descriptors.mostAt(door) }, 'a door is full', door),
    };
  }
}
