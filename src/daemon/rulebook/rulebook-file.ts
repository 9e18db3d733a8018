/** The rulebook on the disk of this node: what an earlier run held is enforced before anybody tells what has changed. */
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';

/** What comes from others is gathered for this long, in ms: if it is lost, they tell it again. */
const SAVE_DELAY_MS = 200;

export class RulebookFile {
  readonly #store: PatientStore;
  /** What an earlier run held; `undefined`: none has heard what the cluster holds, or it cannot be read. */
  readonly entries: readonly Uint8Array[] | undefined;
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
        'rulebook.json cannot be read: pods are isolated until another node tells which policies there are, or somebody applies them',
      );
      this.isCorrupt = true;
    }
  }

  /** Before it counts. @throws WeftError `store-failed` */
  save(entries: readonly Uint8Array[]): void {
    this.#store.save(documentOf(entries));
  }

  /** Some time soon. */
  saveSoon(entries: () => readonly Uint8Array[]): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#store.keep(documentOf(entries()));
    }, SAVE_DELAY_MS);
  }

  /** What waits is stored now. */
  close(entries: readonly Uint8Array[]): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#store.keep(documentOf(entries));
  }
}

function documentOf(entries: readonly Uint8Array[]): object {
  return { entries: entries.map((bytes) => Buffer.from(bytes).toString('base64')) };
}

function parseDocument(document: unknown): readonly Uint8Array[] | undefined {
  if (document === undefined) return undefined;
  const { entries } = Object(document) as { readonly entries?: unknown };
  if (!Array.isArray(entries) || !entries.every((entry) => typeof entry === 'string'))
    throw new WeftError('store-corrupt', 'rulebook.json in the state directory is no rulebook');
  return entries.map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
}
