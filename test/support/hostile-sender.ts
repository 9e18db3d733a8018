/**
 * A program that sends {@link hostileDatagrams}, as fast as they can be made up.
 *
 *     hostile-sender.ts vxlan FROM TO SEED COUNT MAC          to the VXLAN endpoint TO of a node with address MAC
 *     hostile-sender.ts gossip FROM TO SEED COUNT IDENTITY    to the gossip endpoint TO of a node with this identity
 *     hostile-sender.ts streams FROM TO SEED COUNT            to the gossip endpoint TO, by TCP
 *
 * With a key file behind the last two (for streams, behind an empty argument), gossip is sealed with its first key, so
 * that it is opened and has to be parsed: as a member would send it that went mad.
 *
 * Prints how many were sent.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { formatIpAddress, parseEndpoint, parseIpAddress } from '../../src/wire/address.ts';
import { SEAL_BYTES } from '../../src/authentication/envelope.ts';
import type { SealedGossip } from '../../src/authentication/sealed-gossip.ts';
import { readKeyFile } from '../../src/daemon/gossip/key-file.ts';
import { encodeFrame } from '../../src/linux/gossip-frame.ts';
import { BurstSender } from './burst-sender.ts';
import { fixedKeys, sealingNode } from './cluster-keys.ts';
import {
  gossipDatagrams,
  hostileDatagrams,
  hostileExchanges,
  hostileStreams,
  vxlanDatagrams,
} from './hostile-datagrams.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** As many as one address may have. */
const STREAMS_AT_ONCE = 8;

/** Longest datagram that is not fragmented once it is sealed. */
const MAX_SEALED_BYTES = 1_472 - SEAL_BYTES;

const [kind = '', from = '', to = '', seed = '', count = '', victim = '', keyFile = ''] = process.argv.slice(2);
const random = new SeededRandom(Number(seed));
const target = parseEndpoint(to)!;
const seal = keyFile === '' ? undefined : sealingNode(200, { keys: fixedKeys(readKeyFile(keyFile).keys[0]!) }, +seed);

if (kind === 'streams') {
  const frames = seal === undefined ? hostileStreams(random) : sealedStreams(seal);
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
  const own = { address: parseIpAddress(from)!, port: sender.port };
  for (let left = Number(count); left > 0; left--) {
    const bytes = datagrams.next().value as Uint8Array;
    sender.push(seal?.sealDatagram(own, target, bytes.subarray(0, MAX_SEALED_BYTES)) ?? bytes);
  }
  sender.flush();
  console.log(sender.sent);
}

function* sealedStreams(seal: SealedGossip): Generator<Uint8Array> {
  const own = { address: parseIpAddress(from)!, port: 0 };
  for (const message of hostileExchanges(random)) yield encodeFrame(seal.sealRequest(own, target, message).bytes);
}

/** Sends, and waits for the other side to close. */
async function stream(bytes: Uint8Array, ends: boolean): Promise<void> {
  const { address, port } = target;
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
