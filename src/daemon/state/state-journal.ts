/** A journal of the state directory, and how its owner and the directory hear of each other. */
import type { JournalDisk } from '../../env/journal-disk.ts';
import { Journal } from '../../ipam/journal.ts';
import type { SaveObserver, StoredFile } from './stored-file.ts';

export class StateJournal implements StoredFile {
  readonly name: string;
  readonly journal: Journal;
  readonly #observe: SaveObserver;
  #save: () => void = () => {};

  /** @param observe is told how each save went. */
  constructor(name: string, disk: JournalDisk, observe: SaveObserver = () => {}) {
    this.name = name;
    this.journal = new Journal(disk, name);
    this.#observe = observe;
  }

  /** To be told by the owner whenever something was to be stored: the error, or `undefined`. */
  saved(failure: Error | undefined): void {
    this.#observe(this, failure);
  }

  /** @param save stores everything once more, and throws what is in the way. */
  savesBy(save: () => void): void {
    this.#save = save;
  }

  retry(): boolean {
    try {
      this.#save();
      return true;
    } catch {
      return false;
    }
  }
}
