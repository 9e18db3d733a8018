import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { connectionsOf, soughtAddresses } from '../../src/linux/connection-message.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { encodeMessage } from '../../src/linux/netlink-message.ts';
import { bytes } from '../support/bytes.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import type { ConnectionsReport } from '../support/connections-script.ts';

const script = fileURLToPath(new URL('../support/connections-script.ts', import.meta.url));
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

test('of a connection that names nothing, nothing is deleted: it would be all of them', (t) => {
  t.is(connectionsOf(message([[2, bytes('05000100 06000000')]]), sought)?.deletions.length, 1);
  t.deepEqual(connectionsOf(message([]), sought), { deletions: [], isEnd: false });
});

test('a kernel that refuses is no empty table', (t) => {
  t.is(connectionsOf(bytes('14000000 0200 0001 00000000 00000000 eaffffff'), sought), undefined);
});

test('an answer that is cut off ends there', (t) => {
  t.deepEqual(connectionsOf(bytes('ff000000 0001 0000 00000000 00000000 02000000'), sought), {
    deletions: [],
    isEnd: false,
  });
});
