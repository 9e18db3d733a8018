/** Something that carries packets between pods on two nodes, with a figure for each row. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { commandDirectories } from '../src/linux/command.ts';
import type { Site } from './site.ts';

/** What a column is headed by. */
export interface RivalLabel {
  readonly version: string;
  /** When this version was made, for somebody who wonders whether the comparison is fair. */
  readonly year: number;
  readonly encrypts: boolean;
}

/** A rival at work. */
export interface RunningRival {
  /** Its daemons, one of each node; none where the kernel does it. */
  readonly daemonPids: readonly number[];
  stop(): Promise<void>;
}

/** One of those that are compared. */
export interface Rival {
  /** Also the name of its site: short, without spaces. */
  readonly name: string;
  readonly title: string;
  /** `undefined`: it is not installed. */
  label(): Promise<RivalLabel | undefined>;
  /**
   * Connects the pods of `site`. What it started is stopped again if it fails.
   *
   * @param directory empty, its own, removed by the caller.
   */
  start(site: Site, directory: string): Promise<RunningRival>;
}

/** Path of a program, looked for on the caller's PATH first: a newer one than the distribution's is wanted. */
export function findProgram(name: string): string | undefined {
  const own = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...own, ...commandDirectories()].map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
