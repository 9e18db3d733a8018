/** A JSON file that is too large to be written in one go: it is written in pieces, and other work is done between them. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TEMPORARY_SUFFIX } from './file-store.ts';

/** How much is put together at a time, in characters: less than a millisecond's work. */
const PIECE_CHARACTERS = 65_536;

/** Replaces it as `FileStore` does: after a crash there is the old one or the new one, whole. Leaves nothing behind if it fails. */
export async function replaceLargeFile(path: string, texts: Iterable<string>): Promise<void> {
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await using file = await open(temporary, 'w', 0o600);
    for (const piece of piecesOf(texts)) await file.write(piece);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
}

/** Short texts together, as each write costs a turn of another thread. */
export function* piecesOf(texts: Iterable<string>, characters = PIECE_CHARACTERS): Generator<string, void> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < characters) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
