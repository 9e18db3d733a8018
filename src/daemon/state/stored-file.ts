/** A file of the state directory, for the directory: whatever is in it. */
export interface StoredFile {
  readonly name: string;
  /** Stores what should be there once more: whether that can be done again. */
  retry(): boolean;
}

/** How the last save went: the error, or `undefined`. */
export type SaveObserver = (file: StoredFile, failure: Error | undefined) => void;
