/**
 * `npm run bench:micro`: pieces of the packet path by themselves.
 *
 *     node --expose-gc --max-semi-space-size=64 bench/micro/main.ts [--only TEXT] [--save FILE] [--compare FILE]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { checksum } from './checksum.ts';
import { coalescing } from './coalescing.ts';
import { microTable, type SavedRun } from './comparison.ts';
import { decapsulation } from './decapsulation.ts';
import { encapsulation } from './encapsulation.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';
import { routeLookup } from './route-lookup.ts';
import { segmentation } from './segmentation.ts';
import { measureMicro } from './stopwatch.ts';
import { taps } from './taps.ts';

/** Every row. A new one: a file beside this one, and its name here. */
const benchmarks: readonly MicroBenchmark[] = [
  ...routeLookup,
  ...encapsulation,
  ...decapsulation,
  ...segmentation,
  ...coalescing,
  ...taps,
  ...checksum,
];

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { only: text, save: text, compare: text } });
const chosen = benchmarks.filter(({ name }) => name.includes(values.only ?? ''));
// Read first: a wrong path is better found before the measuring than after it.
const before =
  values.compare === undefined ? undefined : (JSON.parse(readFileSync(values.compare, 'utf8')) as SavedRun);
const results = chosen.map((benchmark) => {
  process.stderr.write(`bench:micro: ${benchmark.name}\n`);
  return measureMicro(benchmark);
});
process.stdout.write(microTable(results, before));
if (values.save !== undefined) {
  const saved: SavedRun = { format: 1, savedAt: new Date().toISOString(), node: process.versions.node, results };
  writeFileSync(values.save, `${JSON.stringify(saved, undefined, 2)}\n`);
}
