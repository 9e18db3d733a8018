/**
 * A daemon that waits until the one before it has ended, and takes over at once: an update then costs neither the start of a process
 * nor what loading its programs takes. Which of them works, a lock in the state directory says; the kernel takes it from a daemon
 * that ends, however it ends.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '../../linux/file-lock.ts';

/** In the state directory, both empty: that of the daemon which works, and that of the one which stands by. */
export const LOCK_FILES = ['daemon.lock', 'standby.lock'] as const;

const [WORKING, STANDING_BY] = LOCK_FILES;

/** From one try to the next, in ms: as long as nobody forwards. One costs a few microseconds. */
const RETRY_INTERVAL_MS = 10;

/**
 * Waits until no other daemon that stands by, or did, works on this state directory.
 *
 * @param onWait another one works, and this one comes next: called once.
 * @param ending what ends the waiting.
 * @returns to be disposed of when this daemon has ended; `undefined`: `ending` came first.
 * @throws WeftError `store-failed` if the lock cannot be made
 */
export async function awaitTurn(
  stateDir: string,
  onWait: () => void,
  ending: AbortSignal,
): Promise<FileLock | undefined> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = FileLock.open(join(stateDir, WORKING));
  if (lock.take()) return lock;
  using place = FileLock.open(join(stateDir, STANDING_BY));
  if ((await taken(place, ending)) && !lock.take()) onWait();
  // What this process has, it may take once more.
  if (await taken(lock, ending)) return lock;
  lock[Symbol.dispose]();
  return undefined;
}

/** Whether a daemon stands by, which takes over from the one that works when that ends. */
export function isFollowed(stateDir: string): boolean {
  const path = join(stateDir, STANDING_BY);
  if (!existsSync(path)) return false;
  using place = FileLock.open(path);
  return !place.take();
}

/** @returns whether it has the lock; otherwise `ending` came first. */
async function taken(lock: FileLock, ending: AbortSignal): Promise<boolean> {
  while (!ending.aborted) {
    if (lock.take()) return true;
    await sleep(RETRY_INTERVAL_MS);
  }
  return false;
}
