/**
 * A daemon that waits until the one before it has ended, and takes over at once: an update then costs neither the start of a process
 * nor what loading its programs takes. Which of them works, a lock in the state directory says; the kernel takes it from a daemon
 * that ends, however it ends.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '../../linux/file-lock.ts';

/** In the state directory. It is empty. */
export const LOCK_FILE = 'daemon.lock';

/** From one try to the next, in ms: as long as nobody forwards. One costs a few microseconds. */
const RETRY_INTERVAL_MS = 10;

/**
 * Waits until no other daemon that stands by, or did, works on this state directory.
 *
 * @param onWait another one works: called once.
 * @param end what ends the waiting.
 * @returns to be disposed of when this daemon has ended; `undefined`: `end` came first.
 * @throws WeftError `store-failed` if the lock cannot be made
 */
export async function awaitTurn(stateDir: string, onWait: () => void, end: AbortSignal): Promise<FileLock | undefined> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = FileLock.open(join(stateDir, LOCK_FILE));
  if (lock.take()) return lock;
  onWait();
  while (!end.aborted) {
    await sleep(RETRY_INTERVAL_MS);
    if (lock.take()) return lock;
  }
  lock[Symbol.dispose]();
  return undefined;
}
