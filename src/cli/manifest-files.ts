/** Files of manifests: those that are named, and in directories those that end like manifests do. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileProblem, type Manifest, parseManifests } from './manifest-file.ts';

/** Of what kubectl takes out of a directory. */
const ENDING = /\.(?:json|ya?ml)$/;

/** Files of one question, and directories within each other. */
const MAX_FILES = 10_000;
const MAX_DEPTH = 32;

/** All files together, in bytes: 5 000 pods as JSON are 50 MB mostly. */
const MAX_TOTAL_BYTES = 268_435_456;

/** Read at a time, in bytes. */
const PART_BYTES = 1_048_576;

/** What is in several files. */
export interface ReadManifests {
  /** In the order in which they were named. */
  readonly files: readonly string[];
  readonly manifests: readonly Manifest[];
  readonly problems: readonly FileProblem[];
}

/**
 * Reads files, and all of directories, in order of their names. Links to directories are not followed, so that nothing goes in circles.
 *
 * @param mostBytes of all files together
 */
export function readManifests(paths: readonly string[], mostBytes = MAX_TOTAL_BYTES): ReadManifests {
  const problems: FileProblem[] = [];
  const files: string[] = [];
  for (const path of paths) findFiles(path, 0, files, problems);
  const distinct = [...new Set(files)];
  if (distinct.length > MAX_FILES) {
    return {
      files: [],
      manifests: [],
      problems: [{ place: paths.join(', '), text: `more than ${MAX_FILES} files: name fewer` }],
    };
  }
  const manifests: Manifest[] = [];
  let roomBytes = mostBytes;
  for (const file of distinct) {
    const bytes = attempt(file, problems, () => readAtMost(file, roomBytes));
    if (bytes === undefined) continue;
    if (bytes.length > roomBytes) {
      problems.push({
        place: file,
        text: `all files together have more than ${mostBytes / 1_048_576} MiB: name fewer`,
      });
      break;
    }
    roomBytes -= bytes.length;
    const read = parseManifests(file, bytes.toString('utf8'));
    problems.push(...read.problems);
    manifests.push(...read.manifests);
  }
  return { files: distinct, manifests, problems };
}

function findFiles(path: string, depth: number, files: string[], problems: FileProblem[]): void {
  const isDirectory = attempt(path, problems, () => statSync(path).isDirectory());
  if (isDirectory === false) files.push(path);
  if (isDirectory !== true || files.length > MAX_FILES) return;
  if (depth === MAX_DEPTH) {
    problems.push({ place: path, text: `more than ${MAX_DEPTH} directories within each other` });
    return;
  }
  const entries = attempt(path, problems, () => readdirSync(path, { withFileTypes: true })) ?? [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) findFiles(inside, depth + 1, files, problems);
    else if (ENDING.test(entry.name) && isFile(inside)) files.push(inside);
  }
}

/** A link to a file is one; one that leads nowhere is for whoever reads it. */
function isFile(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || found.isFile();
}

/** The whole file, or one byte more than there is room for. A pipe does not tell how long it is. */
function readAtMost(file: string, roomBytes: number): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const parts: Buffer[] = [];
    let lengthBytes = 0;
    while (lengthBytes <= roomBytes) {
      const part = Buffer.alloc(Math.min(PART_BYTES, roomBytes + 1 - lengthBytes));
      const got = readSync(descriptor, part);
      if (got === 0) break;
      parts.push(part.subarray(0, got));
      lengthBytes += got;
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(descriptor);
  }
}

function attempt<Result>(path: string, problems: FileProblem[], work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    problems.push({
      place: path,
      text: code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code ?? message})`,
    });
    return undefined;
  }
}
