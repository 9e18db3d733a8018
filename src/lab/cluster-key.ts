/** A cluster key that nodes make for themselves: whoever comes first, for all that share the directory. */
import { randomBytes } from 'node:crypto';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { generateKey } from '../daemon/gossip/key-file.ts';

/** Writes a new key into `file` unless it is there. Of several nodes that do so at once, one wins, and the file is never half written. */
export function ensureClusterKey(file: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${generateKey()}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
}
