import test from 'ava';
import { viewMemory } from '../../src/linux/ffi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';

test('memory is zeroed, and as long as asked for, in whole pages', (t) => {
  const memory = new MappedMemory(5000);
  t.is(memory.lengthBytes, 8192);
  t.is(memory.bytes.length, 8192);
  t.true(memory.bytes.every((byte) => byte === 0));
  memory.unmap();
});

test('all views show the same bytes', (t) => {
  const memory = new MappedMemory(4096);
  memory.words[1] = 0x11_22_33_44;
  t.is(memory.bytes[4], 0x44);
  t.is(memory.halfWords[3], 0x11_22);
  memory.unmap();
});

test('what is written to the memory stands at its address', (t) => {
  const memory = new MappedMemory(4096);
  memory.bytes[100] = 42;
  t.is(new Uint8Array(viewMemory(memory.address + 100, 1))[0], 42);
  memory.unmap();
});

test('a pointer is the address of its target, as a 64-bit number', (t) => {
  const memory = new MappedMemory(4096);
  memory.writePointer(8, 1000);
  const pointer = new DataView(memory.bytes.buffer).getBigUint64(8, true);
  t.is(pointer, BigInt(memory.address) + 1000n);
  memory.unmap();
});

test('a changed pointer is the address of its new target', (t) => {
  const memory = new MappedMemory(4096);
  memory.writePointer(8, 4000);
  memory.changePointer(8, 7);
  t.is(new DataView(memory.bytes.buffer).getBigUint64(8, true), BigInt(memory.address) + 7n);
  memory.unmap();
});

test('areas begin at cache lines and do not overlap', (t) => {
  const memory = new MappedMemory(4096);
  t.deepEqual(memory.allocate(10), { at: 0, lengthBytes: 10 });
  t.deepEqual(memory.allocate(64), { at: 64, lengthBytes: 64 });
  t.deepEqual(memory.allocate(65), { at: 128, lengthBytes: 65 });
  t.is(memory.allocate(1).at, 256);
  memory.unmap();
});

test('memory that is used up gives no more', (t) => {
  const memory = new MappedMemory(4096);
  memory.allocate(4096);
  t.throws(() => memory.allocate(1), { instanceOf: RangeError });
  memory.unmap();
});

test('no mapping crosses a multiple of 4 GiB', (t) => {
  const memories = Array.from({ length: 20 }, () => new MappedMemory(300 * 1024 * 1024));
  for (const { address, lengthBytes } of memories) {
    t.is(Math.floor(address / 2 ** 32), Math.floor((address + lengthBytes - 1) / 2 ** 32));
  }
  for (const memory of memories) memory.unmap();
});

test('a mapping that the kernel refuses is an error with the name of its reason', (t) => {
  t.throws(() => new MappedMemory(2 ** 47), { code: 'system-call-failed', message: /ENOMEM/ });
});
