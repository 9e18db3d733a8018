/** What a node knows from its earlier runs before it begins: who it is, and the keys of its cluster. */
import type { Logger } from '../env/logger.ts';
import type { Config } from './config/config.ts';
import type { EventSink } from './process/event-log.ts';
import { GossipKeys } from './gossip/gossip-keys.ts';
import { IncarnationKeeper, openNodeIdentity, type NodeIdentity } from './state/node-identity.ts';
import { systemClock } from './process/system-environment.ts';
import { StateDirectory } from './state/state-directory.ts';

export interface NodeState {
  readonly directory: StateDirectory;
  readonly nodeIdentity: NodeIdentity;
  readonly incarnations: IncarnationKeeper;
  /** `undefined`: gossip is not authenticated. */
  readonly keys: GossipKeys | undefined;
}

/**
 * Reads it; what is counted or new is stored, as far as that can be done.
 *
 * @throws WeftError `store-corrupt`, `store-failed` for an identity that is new; ConfigError for a key file that is none
 */
export function openNodeState(config: Config, events: EventSink, logger: Logger): NodeState {
  const { stateDir, gossip } = config;
  const directory = new StateDirectory({ path: stateDir, events, logger, clock: systemClock, wallClockMs: Date.now });
  const { keyFile: file } = gossip;
  // A key file that is wrong is better said before anything is made.
  const keys =
    file === undefined ? undefined : new GossipKeys({ file, store: directory.file('keys.json'), events, logger });
  const identityFile = directory.file('identity.json');
  const nodeIdentity = openNodeIdentity(identityFile, Date.now);
  return { directory, nodeIdentity, incarnations: new IncarnationKeeper(identityFile, nodeIdentity, Date.now), keys };
}
