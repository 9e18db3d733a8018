/** The program `weft-cni`, which container runtimes start: docs/cni.md. */
import { readSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { supportedVersions } from './cni-version.ts';
import { runPlugin } from './plugin.ts';
import { PLUGIN_MARK } from './plugin-file.ts';

/** Most that a runtime may write, in bytes. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024;

const INPUT_PART_BYTES = 64 * 1024;

const ABOUT = `${PLUGIN_MARK}, for container runtimes. CNI versions: ${supportedVersions.join(', ')}\n`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { version: { type: 'boolean' } }, strict: false });
  if (values['version'] === true) {
    writeSync(1, ABOUT);
    return 0;
  }
  const { stdout, exitCode } = await runPlugin(process.env, readInput);
  writeAll(stdout);
  return exitCode;
}

/** Empty if it is too long. */
async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of inputParts()) {
    length += part.length;
    if (length > MAX_INPUT_BYTES) return '';
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function* inputParts(): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const part = Buffer.allocUnsafe(INPUT_PART_BYTES);
      const length = readSync(0, part);
      if (length === 0) return;
      yield part.subarray(0, length);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  // A pipe that does not block is waited for by a stream, which takes 6 ms of processor to load.
  yield* process.stdin as AsyncIterable<Buffer>;
}

/** A pipe takes what it has room for. */
function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
}

void main().then((exitCode) => process.exit(exitCode));
