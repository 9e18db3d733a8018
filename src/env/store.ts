/** One small JSON document that survives a crash. */
export interface Store {
  /** The document as last saved, `undefined` if there is none yet. @throws WeftError `store-corrupt` if it cannot be read. */
  load(): unknown;
  /** Replaces the document atomically: after a crash at any moment, `load` gives the old one or the new one, whole. */
  save(document: unknown): void;
}
