import test from 'ava';
import {
  createUnderlayOrderMemory,
  UnderlayOrderReader,
  UnderlayOrderWriter,
} from '../../../src/daemon/worker/underlay-order.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';

for (const text of ['198.18.0.1', '255.254.253.252', 'fd00:198:18::ff']) {
  test(`the order to take ${text} is found, once, by every worker`, (t) => {
    const memory = createUnderlayOrderMemory();
    const readers = [new UnderlayOrderReader(memory), new UnderlayOrderReader(memory)];
    const sequence = new UnderlayOrderWriter(memory).give(parseIpAddress(text)!);
    for (const reader of readers) {
      const order = reader.take()!;
      t.is(order.sequence, sequence);
      t.is(formatIpAddress(order.address), text);
      t.is(reader.take(), undefined);
    }
  });
}

test('there is no order before the first one', (t) => {
  t.is(new UnderlayOrderReader(createUnderlayOrderMemory()).take(), undefined);
});

test('of several orders the last one counts', (t) => {
  const memory = createUnderlayOrderMemory();
  const writer = new UnderlayOrderWriter(memory);
  writer.give(parseIpAddress('198.18.0.1')!);
  const last = writer.give(parseIpAddress('198.18.0.2')!);
  const order = new UnderlayOrderReader(memory).take()!;
  t.is(order.sequence, last);
  t.is(formatIpAddress(order.address), '198.18.0.2');
});
