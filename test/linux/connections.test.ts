import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import {
  connectionsOf,
  deletionOf,
  markMessage,
  soughtAddresses,
  trackedConnection,
} from '../../src/linux/connection-message.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { encodeMessage } from '../../src/linux/netlink-message.ts';
import { bytes } from '../support/bytes.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import type { ConnectionsReport } from '../support/connections-script.ts';
import type { MarksReport } from '../support/marks-script.ts';

const script = fileURLToPath(new URL('../support/connections-script.ts', import.meta.url));
const markScript = fileURLToPath(new URL('../support/marks-script.ts', import.meta.url));
const rootTest = process.getuid?.() === 0 ? test : test.skip;
const sought = soughtAddresses([parseIpAddress('10.0.0.1')!]);

/** Of a listing, one connection that is answered from 10.0.0.1. */
function message(original: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  return encodeMessage({ type: 0x1_00, flags: 0 }, bytes('02000000'), [
    [Abi.CTA_TUPLE_ORIG, original],
    [Abi.CTA_TUPLE_REPLY, [[Abi.CTA_TUPLE_IP, [[Abi.CTA_IP_V4_SRC, bytes('0a000001')]]]]],
  ]);
}

rootTest('connections from addresses, and those that are answered from them, are forgotten, and no others', (t) => {
  const report = JSON.parse(
    execFileSync('unshare', ['--net', '--', process.execPath, script], { encoding: 'utf8' }),
  ) as ConnectionsReport;
  t.true(report.tells);
  t.deepEqual(
    report.left,
    ['tcp', 'udp'].flatMap((protocol) => [
      `${protocol} 10.0.0.11 192.0.2.7`,
      `${protocol} 10.0.0.3 192.0.2.6`,
      `${protocol} fd00::2 2001:db8::2`,
    ]),
  );
});

test('of a connection that names nothing, nothing is deleted or marked: it would be all of them', (t) => {
  const [named, nameless] = [[[2, bytes('05000100 06000000')] as const], []].map((original) => {
    return connectionsOf(message(original))!.connections[0]!;
  });
  t.not(deletionOf(named!, sought), undefined);
  t.not(markMessage(named!, 0x10, true), undefined);
  t.is(deletionOf(nameless!, sought), undefined);
  t.is(markMessage(nameless!, 0x10, true), undefined);
});

test('a connection that does not say what it is, is not judged', (t) => {
  t.is(trackedConnection(connectionsOf(message([]))!.connections[0]!), undefined);
});

rootTest('marks are set and cleared, and other bits of them stay', (t) => {
  const { marked, left } = JSON.parse(
    execFileSync('unshare', ['--net', '--', process.execPath, markScript], { encoding: 'utf8' }),
  ) as MarksReport;
  t.deepEqual(marked, [
    { set: 2, cleared: 0 },
    { set: 0, cleared: 0 },
    { set: 0, cleared: 1 },
  ]);
  t.deepEqual(left, [
    'tcp 10.0.0.1 mark=5',
    'tcp 10.0.0.2 mark=5',
    'tcp fd00::2 mark=268435461',
    'udp 10.0.0.1 mark=5',
    'udp fd00::2 mark=5',
  ]);
});

rootTest('a connection is told as it is forwarded: from who begins it, to who answers', (t) => {
  const { seen } = JSON.parse(
    execFileSync('unshare', ['--net', '--', process.execPath, markScript], { encoding: 'utf8' }),
  ) as MarksReport;
  t.deepEqual(seen, [
    '10.0.0.1 -> 10.0.0.9 6 1000 -> 8080',
    '10.0.0.1 -> 192.0.2.1 17 1000 -> 53',
    '10.0.0.2 -> 192.0.2.1 6 1000 -> 53',
    'fd00::2 -> 2001:db8::2 17 1000 -> 53',
    'fd00::2 -> 2001:db8::2 6 1000 -> 53',
  ]);
});

test('a kernel that refuses is no empty table', (t) => {
  t.is(connectionsOf(bytes('14000000 0200 0001 00000000 00000000 eaffffff')), undefined);
});

test('an answer that is cut off ends there', (t) => {
  t.deepEqual(connectionsOf(bytes('ff000000 0001 0000 00000000 00000000 02000000')), {
    connections: [],
    isEnd: false,
  });
});
