/** Whose messages were authentic: for each process of a sender, what was seen of it and the keys to open more. */
import { ReplayWindow } from './replay-window.ts';

/** Senders that are remembered: as many as there may be members. The one that was silent for the longest makes room. */
const MAX_SENDERS = 10_000;

/** Processes of one sender that are remembered: each start of a node draws a salt. */
export const MAX_PROCESSES_PER_SENDER = 8;

/** One process of a sender, told by its salt. */
export class Correspondent {
  readonly datagrams: ReplayWindow = new ReplayWindow();
  #requests: ReplayWindow | undefined;
  /** Keys of its datagrams, by id of the cluster key. */
  readonly #subkeys = new Map<string, Uint8Array>();

  /** Most nodes exchange with few others, and datagrams with all. */
  get requests(): ReplayWindow {
    this.#requests ??= new ReplayWindow();
    return this.#requests;
  }

  /** Subkey of its datagrams under a cluster key, if it was needed before. */
  subkey(keyId: string): Uint8Array | undefined {
    return this.#subkeys.get(keyId);
  }

  /** Keeps a subkey, and forgets the one that was made first if there are too many. */
  keepSubkey(keyId: string, subkey: Uint8Array): void {
    if (this.#subkeys.size >= MAX_SUBKEYS) this.#subkeys.delete(this.#subkeys.keys().next().value!);
    this.#subkeys.set(keyId, subkey);
  }
}

/** Subkeys that are kept for one process: while a key is exchanged, two are in use. */
const MAX_SUBKEYS = 2;

/** Bounded: who has no key cannot add to it, and who has one pushes out only the longest silent. */
export class Correspondents {
  readonly #maxSenders: number;
  readonly #bySender = new Map<string, Map<string, Correspondent>>();

  constructor(maxSenders: number = MAX_SENDERS) {
    this.#maxSenders = maxSenders;
  }

  /** Number of senders that are remembered. */
  get size(): number {
    return this.#bySender.size;
  }

  /** The process of `sender` that drew `salt`, if something authentic came from it. */
  find(sender: string, salt: string): Correspondent | undefined {
    return this.#bySender.get(sender)?.get(salt);
  }

  /** Salt of the process of `sender` from which something authentic came last; `undefined`: nothing did. */
  latestOf(sender: string): string | undefined {
    return [...(this.#bySender.get(sender)?.keys() ?? [])].at(-1);
  }

  /** Remembers that something authentic came from `correspondent` just now. */
  keep(sender: string, salt: string, correspondent: Correspondent): void {
    const processes = this.#bySender.get(sender) ?? new Map<string, Correspondent>();
    renew(this.#bySender, sender, processes, this.#maxSenders);
    renew(processes, salt, correspondent, MAX_PROCESSES_PER_SENDER);
  }
}

/** Puts an entry last, where maps keep what was inserted last, and makes room at the other end. */
function renew<Value>(map: Map<string, Value>, key: string, value: Value, maxCount: number): void {
  if (!map.delete(key) && map.size >= maxCount) map.delete(map.keys().next().value!);
  map.set(key, value);
}
