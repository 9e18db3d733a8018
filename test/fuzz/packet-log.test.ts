import test from 'ava';
import { parseLoggedPackets } from '../../src/linux/packet-log-message.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes } from '../support/bytes.ts';
import { mutated } from '../support/mutation.ts';

const seed = Number(process.env['SEED'] ?? 1);
const ROUNDS = 20_000;

/** A message of the kernel about an echo request: prefix, time, number and packet. */
const message = bytes(
  'a0000000 0004 0000 00000000 00000000 02 00 12b5 0800 0100 08000100 2200 0a00 ' +
    '776566742d706f6c696379207230313233343536373839616263646566000000 1400 0300 000000006b0fa519 0000000000051517 ' +
    '0800 0c00 00000007 2c00 0900 45000054e05d400040015c457f0000017f0000050800014429c3000119a50f6b00000000e0140500',
);

test(`no message about a logged packet, however broken, is taken for more than it has (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  let told = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const broken = mutated(random, Uint8Array.of(...message, ...message));
    const lengthBytes = random.below(2) === 0 ? broken.length : random.below(broken.length + 1);
    const packets = parseLoggedPackets(broken, lengthBytes);
    told += packets.length;
    for (const { packet, prefix } of packets) {
      t.true(packet.byteOffset + packet.length <= broken.byteOffset + lengthBytes);
      t.true(prefix.length <= lengthBytes);
    }
  }
  t.true(told > ROUNDS / 2);
});
