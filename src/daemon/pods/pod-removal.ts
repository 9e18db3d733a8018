/** Removing pods of this node, whole or half made. */
import { forgetConnections } from '../../linux/connections.ts';
import { refusing } from './pod-book.ts';
import { removeOwnNamespace } from './pod-namespace.ts';
import { keyOf, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { disconnectAnyName } from './reconnection.ts';
import type { KnownPods } from './known-pods.ts';

export class PodRemoval {
  readonly #known: KnownPods;
  #isWarnedOfConnections = false;

  constructor(known: KnownPods) {
    this.#known = known;
  }

  /** @throws WeftError `store-failed`, and nothing was removed. */
  async remove(record: PodRecord): Promise<void> {
    refusing(titleOf(record), 'was not removed, and is as it was', () =>
      this.#known.book.settle({ ...record, phase: 'removing' }),
    );
    await this.erase(record);
  }

  /** Removes what is announced, the pair, rules and connections, the namespace if it is ours, the lease and the record, in this order. Whatever is missing is fine. */
  async erase(record: PodRecord): Promise<void> {
    this.#known.allowed.withdraw(keyOf(record));
    await disconnectAnyName(this.#known.cable(record));
    // When the device is gone, and not before: until then, the kernel judges and remembers what the pod sends.
    await Promise.all([
      this.#known.sources.release(record.hostDevice),
      this.#known.options.edge?.release(record),
      this.#forgetConnections(record),
    ]);
    await this.#known.allowed.remove(keyOf(record));
    await removeOwnNamespace(record);
    this.#known.forget(keyOf(record));
    this.#known.book.forget(record);
  }

  /** Of the addresses, before another pod can have them. Where that cannot be, they are free all the same. */
  async #forgetConnections(record: PodRecord): Promise<void> {
    try {
      await forgetConnections(this.#known.book.addressesOf(record));
    } catch (error) {
      if (!this.#isWarnedOfConnections)
        this.#known.options.logger.warn({ err: error }, 'connections of pods that were removed are not forgotten');
      this.#isWarnedOfConnections = true;
    }
  }

  /** Never rejects: of what could not be removed, the record stays. */
  async rollBack(record: PodRecord): Promise<void> {
    try {
      await this.erase(record);
    } catch (error) {
      // Its record stays: the next add, remove or start goes on from here.
      this.#known.options.logger.error({ err: error, pod: titleOf(record) }, 'pod could not be rolled back');
    }
  }
}
