/**
 * A program that has no key of the cluster and wants to join all the same, as fast as it can.
 *
 *     stranger-sender.ts FROM TO IDENTITY KEY-ID SECONDS      to the gossip endpoint TO of the node with this identity
 *
 * It says what a node without authentication would say, what a node with another key would, and the latter under the id
 * of the right key, which everybody on the underlay can see. Prints how many datagrams were sent; SIGTERM ends it earlier.
 */
import { setImmediate } from 'node:timers/promises';
import { parseHexadecimal } from '../../src/authentication/hexadecimal.ts';
import { parseEndpoint } from '../../src/wire/address.ts';
import { BurstSender } from './burst-sender.ts';
import { fixedKeys, keyOf, sealingNode } from './cluster-keys.ts';
import { gossipDatagrams } from './hostile-datagrams.ts';

const [from = '', to = '', victim = '', keyId = '', seconds = ''] = process.argv.slice(2);
const endpoint = parseEndpoint(to)!;

const plain = gossipDatagrams(victim);
const stranger = sealingNode(9, { keys: fixedKeys(keyOf(9)) });
const withOtherKey = plain.map((bytes) => stranger.sealDatagram(endpoint, endpoint, bytes));
const withKnownId = Array.from({ length: 64 }, (_, life) => {
  const sealed = sealingNode(9, {}, life).sealDatagram(endpoint, endpoint, plain[life % plain.length]!);
  sealed.set(parseHexadecimal(keyId), 1);
  return sealed;
});

const sender = new BurstSender(from, to, false);
const end = performance.now() + 1_000 * Number(seconds);
const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());
while (!ending.signal.aborted && performance.now() < end) {
  for (const bytes of [...plain, ...withOtherKey, ...withKnownId]) sender.push(bytes);
  await setImmediate();
}
sender.flush();
console.log(sender.sent);
