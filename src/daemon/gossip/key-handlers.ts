/** What the control API does with keys, and what it says where there are none. */
import { ConflictError } from '../../errors.ts';
import type { ClusterKey } from '../../authentication/cluster-key.ts';
import type { Key } from '../../api/control-api.ts';
import type { GossipKeys } from './gossip-keys.ts';

/** What the control server asks of them. */
export interface KeyHandlers {
  keys(): readonly Key[];
  /** Idempotent. @throws ConflictError `authentication-off`; ExhaustedError `key-ring-full` */
  addKey(key: ClusterKey): Key;
  /** @throws ConflictError `authentication-off`, `key-not-held` unless `force`; NotFoundError `key-unknown` */
  useKey(id: string, force: boolean): Key;
  /**
   * Idempotent: `false` if there was none.
   *
   * @throws ConflictError `authentication-off`, `key-in-use`, `key-not-confirmed` unless `force`
   */
  removeKey(id: string, force: boolean): boolean;
}

/** @param keys `undefined` if gossip is not authenticated */
export function keyHandlers(keys: GossipKeys | undefined): KeyHandlers {
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
