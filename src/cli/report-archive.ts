/** The archive of a report, by the system's tar. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { WeftError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import type { Redaction } from './redaction.ts';
import type { ReportSource } from './report-sources.ts';

/** What was made. */
export interface Report {
  /** The archive. */
  readonly file: string;
  readonly sizeBytes: number;
  /** What is in it. */
  readonly files: readonly string[];
  /** What is not, and why. */
  readonly missing: readonly { readonly file: string; readonly reason: string }[];
  /** How often something was removed that is a key, a password, or looks like one. */
  readonly removed: number;
}

const OWNER_ONLY = 0o600;

/**
 * Reads all sources, removes secrets, and packs what is left into `archive`, which only its owner can read.
 *
 * @throws WeftError `usage` if the archive is there already, or cannot be written
 */
export async function writeReport(
  archive: string,
  sources: readonly ReportSource[],
  redaction: Redaction,
): Promise<Report> {
  if (existsSync(archive))
    throw new WeftError('usage', `${archive} is there already: choose another name with --output`);
  const work = workplace();
  try {
    const root = basename(archive).replace(/\.tar\.gz$|\.tgz$/, '') || 'weft-report';
    const files: string[] = [];
    const missing: { file: string; reason: string }[] = [];
    const write = (file: string, text: string): void => {
      const path = join(work, root, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, redaction.apply(text));
      files.push(file);
    };
    for (const source of sources) {
      const { file } = source;
      try {
        write(file, await source.read());
      } catch (error) {
        missing.push({ file, reason: redaction.apply(error instanceof Error ? error.message : String(error)) });
      }
    }
    inRoom(() => write('missing.txt', missing.map(({ file, reason }) => `${file}: ${reason}\n`).join('')));
    const path = claim(archive);
    await pack(path, work, root);
    return { file: path, sizeBytes: statSync(path).size, files, missing, removed: redaction.count };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Nothing of an archive stays that was not finished: on a full disk it would only take room. */
async function pack(path: string, work: string, root: string): Promise<void> {
  try {
    await runCommand(['tar', '-czf', path, '--owner=0', '--group=0', '-C', work, root], { purpose: 'pack the report' });
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** A directory for the files of the report, until they are packed. */
function workplace(): string {
  return inRoom(() => mkdtempSync(join(tmpdir(), 'weft-report-')));
}

/** A report is needed most on a machine that is in trouble, a full disk included. @throws WeftError `usage` */
function inRoom<Result>(write: () => Result): Result {
  try {
    return write();
  } catch (error) {
    const why = (error as Error).message;
    throw new WeftError('usage', `${tmpdir()} cannot be written (${why}): set TMPDIR to a directory with room`);
  }
}

/** Makes the file, empty, which nobody else reads, not even while it is written. @throws WeftError `usage` */
function claim(archive: string): string {
  const path = resolve(archive);
  try {
    writeFileSync(path, '', { mode: OWNER_ONLY, flag: 'wx' });
    return path;
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new WeftError('usage', `${path} cannot be written (${code}): choose another place with --output`);
  }
}
