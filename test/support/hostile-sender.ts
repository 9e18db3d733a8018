/**
 * A program that sends {@link hostileDatagrams}, as fast as they can be made up.
 *
 *     hostile-sender.ts vxlan FROM TO SEED COUNT MAC          to the VXLAN endpoint TO of a node with address MAC
 *     hostile-sender.ts gossip FROM TO SEED COUNT IDENTITY    to the gossip endpoint TO of a node with this identity
 *     hostile-sender.ts streams FROM TO SEED COUNT            to the gossip endpoint TO, by TCP
 *
 * Prints how many were sent.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { formatIpAddress, parseEndpoint } from '../../src/wire/address.ts';
import { BurstSender } from './burst-sender.ts';
import { gossipDatagrams, hostileDatagrams, hostileStreams, vxlanDatagrams } from './hostile-datagrams.ts';
import { SeededRandom } from './seeded-random.ts';

/** As many as one address may have. */
const STREAMS_AT_ONCE = 8;

const [kind = '', from = '', to = '', seed = '', count = '', victim = ''] = process.argv.slice(2);
const random = new SeededRandom(Number(seed));

if (kind === 'streams') {
  const frames = hostileStreams(random);
  for (let left = Number(count); left > 0; left -= STREAMS_AT_ONCE) {
    // The last ones never end by themselves.
    const isLast = left <= STREAMS_AT_ONCE;
    const batch = Array.from({ length: Math.min(left, STREAMS_AT_ONCE) }, () => frames.next().value);
    await Promise.all(batch.map(async (bytes) => stream(bytes, !isLast)));
  }
  console.log(count);
} else {
  const originals = kind === 'vxlan' ? vxlanDatagrams(victim) : gossipDatagrams(victim);
  const datagrams = hostileDatagrams(random, originals);
  const sender = new BurstSender(from, to, false);
  for (let left = Number(count); left > 0; left--) sender.push(datagrams.next().value);
  sender.flush();
  console.log(sender.sent);
}

/** Sends, and waits for the other side to close. */
async function stream(bytes: Uint8Array, ends: boolean): Promise<void> {
  const { address, port } = parseEndpoint(to)!;
  const socket = connect({ host: formatIpAddress(address), port, localAddress: from });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  // What is refused is reset, too.
  socket.on('error', () => {});
  socket.resume();
  await Promise.race([once(socket, 'connect').catch(() => {}), closed]);
  if (ends) socket.end(bytes);
  else socket.write(bytes);
  await closed;
}
