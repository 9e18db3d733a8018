/**
 * A lock on a file that one process of this machine can have, whatever namespaces it is in: flock(2). The kernel takes it back when
 * the process ends, however it ends. Programs that the process starts do not inherit it.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { SystemCallError, WeftError } from '../errors.ts';
import { lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';

export class FileLock implements Disposable {
  readonly #path: string;
  readonly #file: number;

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the file, which is made if it is not there. Only its owner may open it: whoever can open a file can lock it.
   *
   * @throws WeftError `store-failed` if it can be neither opened nor made, or others may open it
   */
  static open(path: string): FileLock {
    const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
    try {
      const file = openSync(path, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
      const { mode, uid } = fstatSync(file);
      if ((mode & 0o077) === 0 && uid === process.geteuid!()) return new FileLock(path, file);
      closeSync(file);
      throw new Error('others than this user may open it: remove it');
    } catch (error) {
      const message = `${path} cannot be locked: ${(error as Error).message}`;
      throw new WeftError('store-failed', message, { path, directory: dirname(path) }, error);
    }
  }

  /** @returns whether this process has the lock now; otherwise another one has it. @throws SystemCallError */
  take(): boolean {
    if (libc.flock(this.#file, Abi.LOCK_EX | Abi.LOCK_NB) === 0) return true;
    const name = lastErrnoName();
    if (name === 'EAGAIN' || name === 'EINTR') return false;
    throw new SystemCallError('flock', name, `lock ${this.#path}`);
  }

  /** Gives it back. */
  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
