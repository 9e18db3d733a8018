import test from 'ava';
import { TcpOrigins } from '../../src/capture/tcp-origins.ts';

test('numbers are relative to the first one of their direction, and wrap', (t) => {
  const origins = new TcpOrigins();
  t.is(origins.relative('a', 'b', 0xff_ff_ff_fe, true), 0);
  t.is(origins.relative('a', 'b', 0xff_ff_ff_ff, false), 1);
  t.is(origins.relative('a', 'b', 9, false), 11);
  t.is(origins.relative('b', 'a', 500, true), 0);
});

test('an acknowledgment is relative to the other direction, or as on the wire where that was not seen', (t) => {
  const origins = new TcpOrigins();
  t.is(origins.relativeAcknowledgment('b', 'a', 101), 101);
  origins.relative('a', 'b', 100, true);
  t.is(origins.relativeAcknowledgment('b', 'a', 101), 1);
});

test('a connection between the same ends begins anew with its SYN', (t) => {
  const origins = new TcpOrigins();
  origins.relative('a', 'b', 100, true);
  t.is(origins.relative('a', 'b', 7_000, true), 0);
  t.is(origins.relative('a', 'b', 7_001, false), 1);
});

test('the connections that were heard of longest ago are forgotten', (t) => {
  const origins = new TcpOrigins();
  for (let port = 0; port <= 10_000; port++) origins.relative(`a.${port}`, 'b', 100, false);
  t.is(origins.relative('a.0', 'b', 300, false), 0);
  t.is(origins.relative('a.10000', 'b', 300, false), 200);
});
