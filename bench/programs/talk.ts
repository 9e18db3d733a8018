/** How a generator and the benchmark talk: one JSON argument in, lines of text out. */
import { writeSync } from 'node:fs';

/**
 * What it was told to do. From then on an error ends the program with its message alone, which is what a row can show. The generator vouches for the type: nobody but the
 * benchmark calls it.
 */
export function task(): unknown {
  process.on('uncaughtException', (error) => {
    writeSync(2, error.message);
    process.exit(1);
  });
  return JSON.parse(process.argv[2] ?? '');
}

/** Says that it serves from now on. Written at once: what follows blocks this thread. */
export function sayReady(): void {
  writeSync(1, 'ready\n');
}

/** Says what it found. */
export function report(result: object): void {
  writeSync(1, `${JSON.stringify(result)}\n`);
}
