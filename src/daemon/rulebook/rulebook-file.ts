/**
 * The rulebook on the disk of this node: what an earlier run held is enforced before anybody tells what has changed. It is stored only when
 * that is all that the cluster holds: a part of it would open what the rest closes.
 */
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';
import type { SealedEntry } from '../../rulebook/entry.ts';
import { parseEntry } from '../../rulebook/entry-codec.ts';

/** What comes from others is gathered for this long, in ms: if it is lost, they tell it again. */
const SAVE_DELAY_MS = 200;

export class RulebookFile {
  readonly #store: PatientStore;
  /** What an earlier run held; `undefined`: none has heard what the cluster holds, or it cannot be read. */
  readonly entries: readonly SealedEntry[] | undefined;
  /** It is there, and cannot be read: policies may be in it. */
  readonly isCorrupt: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: PatientStore, logger: Logger) {
    this.#store = store;
    try {
      this.entries = parseDocument(store.load());
      this.isCorrupt = false;
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'store-corrupt') throw error;
      logger.error(
        { err: error },
        'rulebook.json cannot be read: pods that are made are isolated until another node tells which policies there are, or somebody applies them',
      );
      this.isCorrupt = true;
    }
  }

  /** Before it counts. @throws WeftError `store-failed` */
  save(entries: readonly SealedEntry[]): void {
    this.#store.save(documentOf(entries));
  }

  /** Some time soon. */
  saveSoon(entries: () => readonly SealedEntry[]): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#store.keep(documentOf(entries()));
    }, SAVE_DELAY_MS);
  }

  /** What waits is stored now. */
  close(entries: readonly SealedEntry[]): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#store.keep(documentOf(entries));
  }
}

function documentOf(entries: readonly SealedEntry[]): object {
  return { entries: entries.map(({ bytes }) => Buffer.from(bytes).toString('base64')) };
}

function parseDocument(document: unknown): readonly SealedEntry[] | undefined {
  if (document === undefined) return undefined;
  const { entries } = Object(document) as { readonly entries?: unknown };
  if (!Array.isArray(entries) || !entries.every((entry) => typeof entry === 'string'))
    throw new WeftError('store-corrupt', 'rulebook.json in the state directory is no rulebook');
  return entries.map((text, index) => {
    const sealed = parseEntry(Uint8Array.from(Buffer.from(text, 'base64')));
    if (sealed !== undefined) return sealed;
    // Damaged, or of a later version. Without it, pods may be open that it closes.
    throw new WeftError(
      'store-corrupt',
      `entry ${index} of rulebook.json in the state directory is none that this version takes`,
    );
  });
}
