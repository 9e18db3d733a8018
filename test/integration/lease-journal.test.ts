/** The journal of leases on true disks: a writer that is killed, a disk that is full, one that is read-only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WeftError } from '../../src/errors.ts';
import type { LeaseStore } from '../../src/ipam/lease-store.ts';
import { openLeases } from '../support/lease-writer.ts';
import { runProgram } from '../support/program.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-journal-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A small file system of its own. */
async function mounted(t: ExecutionContext, sizeKib: number): Promise<string> {
  const directory = join(place(t), 'disk');
  mkdirSync(directory);
  (await runProgram(['mount', '-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'weft-journal', directory])).succeeded();
  t.teardown(async () => void (await runProgram(['umount', '--lazy', directory])));
  return directory;
}

function knownIn(store: LeaseStore<string>): Record<string, string> {
  return Object.fromEntries(store.all().map(({ lease, known }) => ['pod' in lease ? lease.pod : '', known] as const));
}

const ROUNDS = 30;

test.serial(`a writer that is killed ${ROUNDS} times loses nothing that it said was done`, async (t) => {
  const directory = place(t);
  let expected: Record<string, string> = {};
  let steps = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const script = join(import.meta.dirname, '..', 'support', 'lease-writer.ts');
    const child = spawn(process.execPath, [script, directory, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: string[] = [];
    // Killed in the midst of whatever it does then.
    let left = 40 + round * 17;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      chunks.push(text);
      left -= text.split('\n').length - 1;
      if (left <= 0) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const lines = chunks.join('').split('\n').slice(0, -1);
    let possible = [expected];
    for (const line of lines) {
      const [verb, pod = '', known] = line.split(' ');
      const [last] = possible.slice(-1);
      if (verb === 'done') possible = [last!];
      else {
        const { [pod]: _, ...others } = last!;
        possible = [last!, known === '-' ? others : { ...last!, [pod]: known! }];
      }
    }
    steps += lines.length / 2;
    const found = knownIn(openLeases(directory));
    t.true(
      possible.some((one) => isSame(one, found)),
      `round ${round}`,
    );
    expected = found;
  }
  t.true(steps > 100 * ROUNDS, `${steps} steps`);
  t.deepEqual(
    readdirSync(directory).filter((name) => !name.startsWith('pods.journal')),
    [],
  );
});

function isSame(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

test.serial(
  'a full disk refuses what is to count, with nothing half-done, and all goes on when there is room',
  async (t) => {
    const directory = await mounted(t, 64);
    const store = openLeases(directory);
    store.enter({ network: 'default', pod: 'first' }, 'there', undefined);
    const filler = join(directory, 'filler');
    const { bavail, bsize } = statfsSync(directory);
    // Room for a few lines, of which the last one fits in part.
    writeFileSync(filler, Buffer.alloc((bavail - 1) * bsize));
    let refused: unknown;
    let entered = 1;
    for (; refused === undefined && entered < 200; entered++) {
      try {
        store.enter({ network: 'default', pod: `p${entered}` }, 'x'.repeat(500), undefined);
      } catch (error) {
        refused = error;
      }
    }
    t.true(
      refused instanceof WeftError && /pods\.journal cannot be saved: ENOSPC/.test(refused.message),
      String(refused),
    );
    t.is((refused as WeftError).details['inDoubt'], undefined);
    const before = knownIn(store);
    t.deepEqual(knownIn(openLeases(directory)), before);
    t.is(Object.keys(before).length, entered - 1);
    t.throws(() => store.settle({ network: 'default', pod: 'first' }, 'y'.repeat(5_000)), { instanceOf: WeftError });
    t.deepEqual(knownIn(openLeases(directory)), before, 'what was refused is not found later');
    rmSync(filler);
    store.settle({ network: 'default', pod: 'first' }, 'changed');
    t.deepEqual(knownIn(openLeases(directory)), { ...before, first: 'changed' });
  },
);

test.serial('a read-only disk refuses what is to count, and a restart finds what was', async (t) => {
  const directory = await mounted(t, 64);
  const store = openLeases(directory);
  const key = { network: 'default', pod: 'web' };
  store.enter(key, 'there', undefined);
  // No file is open in between: else the kernel would refuse this.
  (await runProgram(['mount', '-o', 'remount,ro', directory])).succeeded();
  const error = t.throws(() => store.settle(key, 'removing'), { instanceOf: WeftError });
  t.regex(error.message, /pods\.journal cannot be saved: EROFS: read-only file system/);
  t.is(error.details['inDoubt'], undefined);
  t.deepEqual(knownIn(openLeases(directory)), { web: 'there' });
  (await runProgram(['mount', '-o', 'remount,rw', directory])).succeeded();
  store.settle(key, 'removing');
  t.deepEqual(knownIn(openLeases(directory)), { web: 'removing' });
});
