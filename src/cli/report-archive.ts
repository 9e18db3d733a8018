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
  const work = mkdtempSync(join(tmpdir(), 'weft-report-'));
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
    write('missing.txt', missing.map(({ file, reason }) => `${file}: ${reason}\n`).join(''));
    const path = claim(archive);
    await runCommand(['tar', '-czf', path, '--owner=0', '--group=0', '-C', work, root], { purpose: 'pack the report' });
    return { file: path, sizeBytes: statSync(path).size, files, missing, removed: redaction.count };
  } finally {
    rmSync(work, { recursive: true, force: true });
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
