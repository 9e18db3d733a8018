/**
 * Everything that finds out where packets went, put together: what it is given, and who answers what.
 *
 * Apart from `compose.ts`, which connects what forwards packets: all of this may fail, and traffic goes on.
 */
import type { Logger } from '../env/logger.ts';
import type { Status } from './api.ts';
import type { Config } from './config.ts';
import type { Dataplane } from './dataplane.ts';
import type { DiagnosisHandlers } from './diagnosis-handlers.ts';
import type { EventLog } from './event-log.ts';
import type { Gossip } from './gossip.ts';
import type { GossipKeys } from './gossip-keys.ts';
import type { OverlayRoutes } from './overlay-routes.ts';
import type { PathProber } from './path-prober.ts';
import type { Pods } from './pods.ts';
import type { Underlay } from './underlay.ts';

/** What it is made from. All of it stays its owner's. */
export interface DiagnosisParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly events: EventLog;
  readonly dataplane: Dataplane;
  readonly gossip: Gossip;
  /** Absent where authentication is off. */
  readonly keys: GossipKeys | undefined;
  readonly routes: OverlayRoutes;
  /** Absent where paths are not probed. */
  readonly paths: PathProber | undefined;
  readonly pods: Pods;
  readonly identity: string;
  /** The one in use at the moment. */
  readonly underlay: () => Underlay;
  readonly overlayMtuBytes: number;
  readonly status: () => Status;
}

/** What the daemon has of it. */
export interface Diagnosis {
  readonly handlers: DiagnosisHandlers;
  close(): Promise<void>;
}

/** Puts it together. */
export async function composeDiagnosis(_parts: DiagnosisParts): Promise<Diagnosis> {
  await using opened = new AsyncDisposableStack();
  const handlers: DiagnosisHandlers = {};
  const running = opened.move();
  return await Promise.resolve({ handlers, close: () => running.disposeAsync() });
}
