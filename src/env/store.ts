/** One small JSON document that survives a crash. */
export interface Store {
  /** The document as last saved, `undefined` if there is none yet. @throws WeftError `store-corrupt` if it cannot be read. */
  load(): unknown;
  /** Replaces the document atomically: after a crash at any moment, `load` gives the old one or the new one, whole. */
  save(document: unknown): void;
}

/** A store for what may also be stored later: what is true counts, even while the disk is full or read-only. */
export interface PatientStore extends Store {
  /**
   * Replaces the document if it can be stored, and changes nothing otherwise: for what must not count before it is stored.
   *
   * @throws WeftError `store-failed`
   */
  save(document: unknown): void;
  /** The document is this one from now on. Stores it now, or as soon as that can be done. */
  keep(document: unknown): void;
  /** Why what is stored is older than what was last kept; `undefined`: it is not. */
  readonly behind: string | undefined;
}
