import test from 'ava';
import { AddressTable } from '../../src/linux/address-table.ts';
import { libc } from '../../src/linux/ffi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { Wakeup } from '../../src/linux/wakeup.ts';
import { youngCollections } from '../support/collections.ts';

const CALLS = 500_000;

test.serial('an address in a table is the one that was asked for', (t) => {
  const memory = new MappedMemory(4096);
  const table = new AddressTable(memory, 64, 16, 3);
  t.deepEqual(
    [0, 1, 2].map((index) => table.get(index) - memory.address),
    [64, 80, 96],
  );
});

test.serial('calls with addresses of a table leave no garbage, and those with computed ones do', async (t) => {
  const memory = new MappedMemory(4096);
  const table = new AddressTable(memory, 0, 64, 64);
  // Never written to: each read fails at once.
  const { fd } = new Wakeup();
  const fromTable = (): void => {
    for (let call = 0; call < CALLS; call++) libc.read(fd, table.get(call & 63), 8);
  };
  const computed = (): void => {
    for (let call = 0; call < CALLS; call++) libc.read(fd, memory.address + (call & 63) * 64, 8);
  };
  fromTable();
  t.is(await youngCollections(fromTable), 0);
  t.true((await youngCollections(computed)) > 0);
});
