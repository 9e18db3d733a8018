/** Whether there is room in the state directory, as far as one can tell without writing. */
import { accessSync, constants, statfsSync } from 'node:fs';

export interface StateRoom {
  /** Why nothing can be written; `undefined`: nothing is known to be in the way. */
  readonly unwritable: string | undefined;
  /** For those without privileges: the reserve of a file system is not for weft. Infinite if that cannot be known. */
  readonly freeBytes: number;
  /** Files that can still be made. Infinite if that cannot be known, or the file system has no limit. */
  readonly freeFiles: number;
}

/** Looks, and changes nothing. */
export function roomIn(directory: string): StateRoom {
  return { unwritable: whyUnwritable(directory), ...freeIn(directory) };
}

function whyUnwritable(directory: string): string | undefined {
  try {
    // With the dot: a file in its place is not a directory that can be written.
    accessSync(`${directory}/.`, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${directory} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

function freeIn(directory: string): Pick<StateRoom, 'freeBytes' | 'freeFiles'> {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    // btrfs and some others give no number of files.
    return { freeBytes: bavail * bsize, freeFiles: files === 0 ? Infinity : ffree };
  } catch {
    return { freeBytes: Infinity, freeFiles: Infinity };
  }
}
