import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim } from '../../src/membership/claim-codec.ts';
import { encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import type { Claim, DatagramBody } from '../../src/membership/message.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import { appendClaims } from '../support/appended-claims.ts';

const seed = Number(process.env['SEED'] ?? 1);
const stranger = endpoint('203.0.113.9:9999');

function claims(random: SeededRandom): Claim[] {
  const states = ['alive', 'suspect', 'dead', 'left'] as const;
  return Array.from({ length: random.below(4) }, () => {
    const number = 1 + random.below(8);
    const incarnation = 1 + random.below(3);
    const sealed = random.below(2) === 0 ? undefined : sealAnnouncement(announcementOf(number));
    const state = states[random.below(4)]!;
    return {
      identity: identityOf(number),
      incarnation,
      state,
      sealed,
      announcedAt: incarnation,
      ageSeconds: random.below(3),
    };
  });
}

function datagram(random: SeededRandom): Uint8Array {
  const kinds = ['none', 'ping', 'indirect-ping', 'ack'] as const;
  const body = {
    kind: kinds[random.below(4)]!,
    sequence: random.below(9),
    target: identityOf(1 + random.below(8)),
  } as DatagramBody;
  return appendClaims(
    encodeDatagram('default', identityOf(1 + random.below(8)), body),
    claims(random).map(encodeClaim),
  );
}

function exchange(random: SeededRandom): Uint8Array {
  return encodeExchange('default', { sender: identityOf(1 + random.below(8)), claims: claims(random), directives: [] });
}

/** Noise, a good message cut off, or one with some bytes changed, doubled or dropped. */
function damaged(random: SeededRandom, whole: Uint8Array): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return random.bytes(random.below(200));
    case 1:
      return whole.slice(0, random.below(whole.length + 1));
    case 2: {
      const at = random.below(whole.length);
      return Uint8Array.from([
        ...whole.subarray(0, at),
        ...random.bytes(random.below(4)),
        ...whole.subarray(at + random.below(4)),
      ]);
    }
    default: {
      const changed = Uint8Array.from(whole);
      for (let count = 1 + random.below(4); count > 0; count--) changed[random.below(whole.length)] = random.below(256);
      return changed;
    }
  }
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

test(`20 000 damaged messages are refused by name or taken, and the cluster heals (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const cluster = new SimulatedCluster({ seed, parameters: { maxMembers: 200 } });
  cluster.startNodes(1, 5);
  cluster.converge(5_000);
  const { membership } = cluster.process(1);
  let unreadable = 0;
  for (let count = 0; count < 20_000; count++) {
    const isDatagram = random.below(2) === 0;
    const message = damaged(random, isDatagram ? datagram(random) : exchange(random));
    const parsed = isDatagram ? parseDatagram(message, 'default') : parseExchange(message, 'default');
    const before = membership.refused();
    if (isDatagram) membership.handleDatagram(stranger, message);
    else membership.handleExchange(stranger, message);
    if (typeof parsed === 'string') {
      unreadable++;
      t.deepEqual(membership.refused(), { ...before, [parsed]: before[parsed]! + 1 });
    }
    t.true(membership.members().length <= 200);
    if (count % 50 === 0) cluster.clock.advance(10);
  }
  t.true(unreadable > 5_000);
  t.true(sum(membership.refused()) >= unreadable);

  // Made-up members die, what was said of real ones is refuted, and all five agree again.
  const real = new Set([1, 2, 3, 4, 5].map(identityOf));
  const isHealed = (): boolean =>
    [1, 2, 3, 4, 5].every((viewer) => {
      const members = cluster.process(viewer).membership.members();
      const alive = members.filter(({ state }) => state === 'alive');
      const isWhole = alive.every((member) => {
        const own = announcementOf(Number.parseInt(member.announcement.identity.slice(0, 4), 16));
        return JSON.stringify(member.announcement) === JSON.stringify(own);
      });
      return isWhole && alive.length === real.size && alive.every((member) => real.has(member.announcement.identity));
    });
  t.not(cluster.clock.advanceUntil(isHealed, 600_000), undefined);
});

test(`garbage of every length up to the limits is refused without keeping it (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  for (let lengthBytes = 0; lengthBytes < 9_100; lengthBytes += 7) {
    t.is(typeof parseDatagram(random.bytes(lengthBytes), 'default'), 'string');
  }
});

test('a flood of made-up members fills the table and no more, and makes room once they are dead', (t) => {
  const cluster = new SimulatedCluster({ seed, parameters: { maxMembers: 50 } });
  cluster.startNodes(1, 3);
  cluster.converge(5_000);
  const { membership } = cluster.process(1);
  for (let number = 100; number < 400; number++) {
    const claim: Claim = {
      identity: identityOf(number),
      incarnation: 1,
      state: 'alive',
      sealed: sealAnnouncement(announcementOf(number)),
      announcedAt: 1,
      ageSeconds: 0,
    };
    membership.handleExchange(
      stranger,
      encodeExchange('default', { sender: identityOf(number), claims: [claim], directives: [] }),
    );
  }
  t.is(membership.members().length, 50);
  t.is(membership.refused()['members-full'], 253);
  cluster.clock.advance(300_000);
  cluster.start(4);
  t.not(cluster.converge(10_000), undefined);
  t.is(defaultParameters.maxMembers, 10_000);
});
