import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CniSpool } from '../../src/linux/cni-spool.ts';

function spoolOf(t: ExecutionContext): CniSpool {
  const directory = mkdtempSync(join(tmpdir(), 'weft-spool-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return new CniSpool(join(directory, 'spool'));
}

const removal = { cniNetwork: 'overlay', containerId: 'c1', interface: 'eth0' };

test('a removal is one file, however often it is written, which only its owner can read', (t) => {
  const spool = spoolOf(t);
  t.deepEqual(spool.read(), []);
  for (let round = 0; round < 2; round++) spool.write(removal);
  spool.write({ ...removal, interface: 'net1' });
  t.is(readdirSync(spool.directory).length, 2);
  t.is(statSync(spool.directory).mode & 0o777, 0o700);
  t.true(spool.has(removal));
  t.deepEqual(
    spool.read().toSorted((a, b) => (a.interface < b.interface ? -1 : 1)),
    [removal, { ...removal, interface: 'net1' }],
  );
  spool.delete(removal);
  spool.delete(removal);
  t.false(spool.has(removal));
  t.deepEqual(spool.read(), [{ ...removal, interface: 'net1' }]);
});

test('files that are no removals are left alone', (t) => {
  const spool = spoolOf(t);
  spool.write(removal);
  const name = (digit: string): string => join(spool.directory, `${digit.repeat(64)}.json`);
  writeFileSync(join(spool.directory, 'x.json'), JSON.stringify(removal));
  writeFileSync(name('a'), '{');
  writeFileSync(name('b'), 'null');
  writeFileSync(name('c'), JSON.stringify({ ...removal, interface: 1 }));
  writeFileSync(name('d'), JSON.stringify({ ...removal, containerId: 'c'.repeat(20_000) }));
  t.deepEqual(spool.read(), [removal]);
});

test('a spool is removed with what is ours in it, and no file of others', (t) => {
  const spool = spoolOf(t);
  t.deepEqual(spool.remove(), []);
  spool.write(removal);
  writeFileSync(join(spool.directory, 'notes'), '');
  t.is(spool.remove().length, 1);
  t.deepEqual(readdirSync(spool.directory), ['notes']);
  rmSync(join(spool.directory, 'notes'));
  spool.write(removal);
  t.deepEqual(spool.remove(), [spool.directory]);
  t.false(existsSync(spool.directory));
});
