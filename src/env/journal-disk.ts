/**
 * The files of one directory, as a journal needs them. Contents are text of which each character is one byte.
 *
 * After a power cut, what was not synchronized is there, or is not, or is there in part; after the end of the process alone, all is there.
 * Every function may throw the error of the system, and what it was to do may then be done in part.
 */
export interface JournalDisk {
  /** For messages: the path of a file. */
  pathOf(name: string): string;
  /** Content of a file; `undefined`: there is none. */
  read(name: string): string | undefined;
  /** Tells a file from others of its name, and how long it is; `undefined`: there is none. */
  look(name: string): JournalFile | undefined;
  /** Writes after the end of a file that is there. It counts only once {@link sync} has returned. */
  append(name: string, text: string): void;
  /** Makes a file with this content, in place of one of that name. */
  create(name: string, text: string): void;
  /** Puts the content of a file on the disk. */
  sync(name: string): void;
  /** Cuts the end of a file off. */
  truncate(name: string, lengthBytes: number): void;
  /** Gives a file another name, in place of one that has it. */
  rename(from: string, to: string): void;
  /** Removes a file, if it is there. */
  remove(name: string): void;
  /** Puts names on the disk. */
  syncDirectory(): void;
}

/** A file, seen from outside. */
export interface JournalFile {
  /** Another one when the file was replaced. */
  readonly identity: string;
  readonly lengthBytes: number;
}
