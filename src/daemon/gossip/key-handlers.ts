/** What the control API does with keys, and what it says where there are none. */
import { ConflictError } from '../../errors.ts';
import type { ControlHandlers } from '../control/control-handlers.ts';
import type { GossipKeys } from './gossip-keys.ts';

/** @param keys `undefined` if gossip is not authenticated */
export function keyHandlers(
  keys: GossipKeys | undefined,
): Pick<ControlHandlers, 'keys' | 'addKey' | 'useKey' | 'removeKey'> {
  const held = (): GossipKeys => {
    if (keys !== undefined) return keys;
    const message = 'gossip is not authenticated here: set gossip.authentication to on, and gossip.keyFile';
    throw new ConflictError('authentication-off', message);
  };
  return {
    keys: () => keys?.list() ?? [],
    addKey: (key) => held().add(key),
    useKey: (id, force) => held().use(id, force),
    removeKey: (id, force) => held().remove(id, force),
  };
}
