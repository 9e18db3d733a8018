import test from 'ava';
import { parseKeyOrder } from '../../src/authentication/key-order.ts';
import { KeyRing } from '../../src/authentication/key-ring.ts';
import { SealedTransport } from '../../src/authentication/sealed-transport.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { Membership } from '../../src/membership/membership.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { endpointOf, fixedKeys, keyOf, sealingNode } from '../support/cluster-keys.ts';
import { gossipDatagrams, hostileDatagrams } from '../support/hostile-datagrams.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { mutated } from '../support/mutation.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';

const seed = Number(process.env['SEED'] ?? 1);
const stranger = endpoint('203.0.113.9:9999');

/** Node 1, which nothing may come out of, and what did. */
function listener() {
  const sent: string[] = [];
  const clock = new ManualClock();
  const sealed = new SealedTransport({
    network: 'default',
    identity: identityOf(1),
    keys: fixedKeys(keyOf(1)),
    cipher: nodeCipher,
    random: new SeededRandom(seed),
    ownEndpoint: () => endpointOf(1),
    transport: { sendDatagram: () => void sent.push('datagram'), exchange: () => void sent.push('exchange') },
    handlers: {
      datagram: (from, bytes) => membership.handleDatagram(from, bytes),
      exchange: (from, bytes) => membership.handleExchange(from, bytes),
    },
    clock,
    logger: silentLogger,
  });
  const membership: Membership = new Membership({
    self: announcementOf(1),
    seeds: [],
    clock,
    random: new SeededRandom(seed),
    transport: sealed,
    logger: silentLogger,
    onChange: () => {},
  });
  membership.start();
  return { sealed, membership, sent };
}

test(`whatever strangers send, nothing is learned or answered (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const { sealed, membership, sent } = listener();
  const plain = gossipDatagrams(identityOf(1));
  const other = sealingNode(2, { keys: fixedKeys(keyOf(9)) });
  const own = sealingNode(2);
  const originals = [
    ...plain,
    ...plain.map((bytes) => other.sealDatagram(stranger, endpointOf(1), bytes)),
    // Recorded elsewhere on the way to somebody else, under the right key.
    ...plain.map((bytes) => own.sealDatagram(endpointOf(2), endpointOf(3), bytes)),
    ...plain.map((bytes) => own.sealRequest(endpointOf(2), endpointOf(3), bytes).bytes),
  ];
  const messages = hostileDatagrams(random, originals);
  for (let round = 0; round < 30_000; round++) {
    const { value } = messages.next();
    const from = random.below(2) === 0 ? stranger : endpointOf(2);
    if (random.below(4) > 0) sealed.handleDatagram(from, value);
    else if (sealed.handleExchange(from, value) !== undefined) t.fail(`round ${round}: an answer`);
  }
  t.deepEqual(sent, []);
  t.is(membership.members().length, 1);
  t.deepEqual(membership.directives(), []);
  t.is(
    Object.values(sealed.refused()).reduce((sum, count) => sum + count, 0),
    30_000,
  );
});

test(`of authentic messages, only the very same bytes are opened (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const [sender, receiver] = [sealingNode(1), sealingNode(2)];
  for (let round = 0; round < 10_000; round++) {
    const datagram = sender.sealDatagram(endpointOf(1), endpointOf(2), random.bytes(random.below(200)));
    const damaged = mutated(random, datagram);
    const isSame = Buffer.compare(damaged, datagram) === 0;
    if ((typeof receiver.openDatagram(endpointOf(1), endpointOf(2), damaged) !== 'string') !== isSame) {
      t.fail(`round ${round}: ${Buffer.from(damaged).toString('hex')}`);
    }
  }
  t.pass();
});

test(`damaged orders change no ring (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const ring = new KeyRing(nodeCipher, { keys: [keyOf(1)], orders: [], outdated: [] });
  const { subject, content } = ring.encode({ kind: 'add', key: keyOf(2) });
  for (let version = 1; version < 10_000; version++) {
    const damaged = mutated(random, content);
    if (Buffer.compare(damaged, content) === 0) continue;
    if (ring.follow([{ subject, version, content: damaged }])) t.fail(Buffer.from(damaged).toString('hex'));
  }
  t.deepEqual(ring.ids, [keyOf(1).id]);
  t.truthy(parseKeyOrder(nodeCipher, { subject, content }, (id) => ring.find(id)));
});
