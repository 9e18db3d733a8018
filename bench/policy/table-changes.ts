/** When the table of policies of a node changes, as its kernel tells it. */
import { POLICY_TABLE, titleOf } from '../../src/linux/nftables.ts';
import { KernelChangeSockets } from '../../src/linux/kernel-change-sockets.ts';
import { enterNetworkNamespace } from '../../src/linux/network-namespace.ts';
import { WeftError } from '../../src/errors.ts';
import { pause } from '../interruption.ts';

/** How often it is asked, in ms: no time is told more exactly. */
const POLL_MS = 1;

/** What is to happen, happens within so long. */
const DEADLINE_MS = 30_000;

export class TableChanges implements Disposable {
  readonly #sockets: KernelChangeSockets;
  readonly #timer: NodeJS.Timeout;
  #isTouched = false;
  #transactions = 0;
  #lastMs = -Infinity;

  /** @param netns path of the namespace of the node */
  constructor(netns: string) {
    const leave = enterNetworkNamespace(netns);
    try {
      this.#sockets = new KernelChangeSockets();
    } finally {
      leave();
    }
    this.#timer = setInterval(() => this.#read(), POLL_MS);
  }

  /**
   * Has `change` made, and waits for the last transaction that comes of it: nothing follows within `quietMs`. @returns when that was, as of
   * `performance.now`. @throws WeftError `bench-timeout` if there is none
   */
  async after(change: () => unknown, quietMs: number): Promise<number> {
    this.#read();
    const before = this.#transactions;
    await change();
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (this.#transactions === before || performance.now() - this.#lastMs < quietMs) {
      if (performance.now() > deadlineMs)
        throw new WeftError('bench-timeout', `the rules of policies did not change within ${DEADLINE_MS} ms`);
      await pause(POLL_MS);
    }
    return this.#lastMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#sockets.close();
  }

  #read(): void {
    const { changes, overran } = this.#sockets.read();
    for (const change of changes) {
      if (change.kind === 'table') this.#isTouched ||= change.table === titleOf(POLICY_TABLE);
      else if (change.kind === 'transaction') {
        if (this.#isTouched) this.#note();
        this.#isTouched = false;
      }
    }
    // What is lost is a large transaction.
    if (overran) this.#note();
  }

  #note(): void {
    this.#transactions++;
    this.#lastMs = performance.now();
  }
}
