/** A file that says to those who look after a container that the daemon in it serves, or stands by: a probe costs no program of weft. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { ConfigError } from '../../errors.ts';

export class ReadyFile {
  readonly #path: string | undefined;

  /** One that an earlier process left is removed. @param path `undefined`: there is none, and nothing is written. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.remove();
  }

  /**
   * Takes the place of what was there when it is whole: a probe never reads an empty file.
   *
   * @throws ConfigError if it cannot be written
   */
  write(state: 'standby' | 'serving'): void {
    this.#change((path) => {
      const temporary = `${path}.${process.pid}.tmp`;
      writeFileSync(temporary, `${state}\n`);
      renameSync(temporary, path);
    });
  }

  remove(): void {
    this.#change((path) => rmSync(path, { force: true }));
  }

  #change(change: (path: string) => void): void {
    if (this.#path === undefined) return;
    try {
      change(this.#path);
    } catch (error) {
      throw new ConfigError('readyFile', `cannot be written: ${(error as Error).message}`);
    }
  }
}
