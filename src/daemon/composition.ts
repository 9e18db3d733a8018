/** What every part of the composition is given: how the node is configured, whom it reports to, and what is closed at the end. */
import type { Logger } from '../env/logger.ts';
import type { Config } from './config/config.ts';
import type { EventLog } from './process/event-log.ts';

export interface Composition {
  readonly config: Config;
  readonly events: EventLog;
  readonly logger: Logger;
  /** Whatever a part opens, it defers the closing of: everything is closed in the reverse order. */
  readonly opened: AsyncDisposableStack;
}
