/**
 * `npm run bench:leases`: how long it takes to store an added pod, with a thousand others there. Both lines of the journal that an add
 * writes, each on the disk before the next step, and nothing else: no devices, no namespaces.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/terminal/table.ts';
import { newPodRecord, parsePodRecord, type PodRecord } from '../src/daemon/pods/pod-record.ts';
import { Journal } from '../src/ipam/journal.ts';
import { LeaseStore } from '../src/ipam/lease-store.ts';
import { openBootClock } from '../src/linux/boot-clock.ts';
import { JournalDirectory } from '../src/linux/journal-directory.ts';
import { parsePrefix } from '../src/wire/prefix.ts';
import { percentile } from './statistics.ts';

const LEASES = 1_000;
/** As long as one line of a pod. */
const LINE_BYTES = 600;
/** Most that the 99th percentile of an add may be, in ms. */
const MOST_MS = 5;

const usage = `usage: npm run bench:leases -- [OPTIONS]

  --directory PATH  on the disk to be measured (${tmpdir()})
  --adds N          how many pods are added, and removed again (2000)
`;

const { values } = parseArgs({
  options: { directory: { type: 'string' }, adds: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help === true) process.stdout.write(usage);
else measure(mkdtempSync(join(values.directory ?? tmpdir(), 'weft-leases-')), Number(values.adds ?? 2_000));

function measure(directory: string, adds: number): void {
  try {
    const disk = timesOfDisk(directory, adds);
    const { enter, settle, remove } = timesOfStore(directory, adds);
    const add = enter.map((ms, index) => ms + settle[index]!);
    const rows = Object.entries({
      'one write and fdatasync of this disk': disk,
      'first line of an add: the lease': enter,
      'second line of an add: it is ready': settle,
      'an add': add,
      'a removal': remove,
    });
    const columns = [{ title: 'WHAT' }, { title: 'P50 MS' }, { title: 'P99 MS' }, { title: 'MAX MS' }] as const;
    const table = rows.map(([what, times]) => [what, ...figuresOf(times)]);
    process.stdout.write(formatTable(columns, table, { widthColumns: undefined, colour: false }));
    const p99 = percentile(sorted(add), 0.99);
    process.stdout.write(`p99 of an add with ${LEASES} leases: ${p99.toFixed(2)} ms, at most ${MOST_MS} ms\n`);
    if (p99 > MOST_MS) process.exitCode = 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What the disk itself takes, for comparison. */
function timesOfDisk(directory: string, count: number): number[] {
  const path = join(directory, 'plain');
  const line = Buffer.alloc(LINE_BYTES);
  closeSync(openSync(path, 'w'));
  return Array.from({ length: count }, () =>
    timeMs(() => {
      const file = openSync(path, 'a');
      writeSync(file, line);
      fdatasyncSync(file);
      closeSync(file);
    }),
  );
}

function timesOfStore(directory: string, adds: number): Record<'enter' | 'settle' | 'remove', number[]> {
  const store = new LeaseStore<PodRecord>({
    journal: new Journal(new JournalDirectory(directory), 'pods.journal'),
    prefixes: ['10.244.0.0/17', 'fd00:10:244::/64'].map((text) => parsePrefix(text)!),
    clock: openBootClock(),
    parseKnown: parsePodRecord,
    onSaved: () => {},
  });
  const times = { enter: [] as number[], settle: [] as number[], remove: [] as number[] };
  for (let number = 0; number < LEASES + adds; number++) {
    const key = { network: 'default', pod: `web-${number}` };
    const record = recordOf(key.pod);
    const enterMs = timeMs(() => store.enter(key, record, undefined));
    const settleMs = timeMs(() => store.settle(key, { ...record, phase: 'ready' }));
    if (number < LEASES) continue;
    times.enter.push(enterMs);
    times.settle.push(settleMs);
    const oldest = { network: 'default', pod: `web-${number - LEASES}` };
    times.remove.push(
      timeMs(() => {
        store.settle(oldest, { ...recordOf(oldest.pod), phase: 'removing' });
        store.forget(oldest);
      }),
    );
  }
  return times;
}

function recordOf(name: string): PodRecord {
  const place = { netns: `/run/netns/${name}`, netnsIdentity: '4:4026532345', ownsNetns: false };
  const identity = { name, namespace: 'default', labels: {}, device: 'eth0', network: 'default' };
  return newPodRecord({ ...identity, place, hasDefaultRoute: true, allowSources: [], mac: undefined }, [], Date.now());
}

function timeMs(run: () => void): number {
  const beginMs = performance.now();
  run();
  return performance.now() - beginMs;
}

function figuresOf(times: readonly number[]): string[] {
  const all = sorted(times);
  return [percentile(all, 0.5), percentile(all, 0.99), all.at(-1)!].map((ms) => ms.toFixed(2));
}

function sorted(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b);
}
