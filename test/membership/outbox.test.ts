import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { ANNOUNCEMENT_AGE_BYTES, fieldCostBytes } from '../../src/membership/claim-codec.ts';
import { encodeDatagram } from '../../src/membership/codec.ts';
import { MAX_ANNOUNCEMENT_BYTES, MAX_INCARNATION, MAX_SENT_DATAGRAM_BYTES } from '../../src/membership/limits.ts';
import { Dissemination } from '../../src/membership/dissemination.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import { newsOf, Outbox } from '../../src/membership/outbox.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf, prefix } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';

const network = 'n'.repeat(64);

/** What is announced with so many prefixes and a name of so many letters. */
function sealedWith(prefixCount: number, letters: number) {
  const prefixes = Array.from({ length: prefixCount }, (_, index) => prefix(`10.245.${index}.0/24`));
  return sealAnnouncement(announcementOf(1, { name: 'x'.repeat(letters), network, prefixes, nodeAddresses: [] }));
}

function longestAnnouncement() {
  const prefixCount = 64;
  const withName = sealedWith(prefixCount, 128).bytes.length;
  return sealedWith(prefixCount, 128 + MAX_ANNOUNCEMENT_BYTES - withName);
}

for (const accusers of [0, 1, 4]) {
  test(`the longest claim, with ${accusers} accusers, fits beside the longest question`, (t) => {
    const sealed = longestAnnouncement();
    t.is(sealed.bytes.length, MAX_ANNOUNCEMENT_BYTES);
    const news = newsOf(
      {
        identity: identityOf(1),
        incarnation: MAX_INCARNATION,
        state: 'suspect',
        sealed,
        announcedAt: MAX_INCARNATION - 1,
        ageSeconds: 0xff_ff_ff_ff,
        slowness: 8,
        accusers: Array.from({ length: accusers }, (_, index) => identityOf(2 + index)),
      },
      0,
    );
    const question = { kind: 'indirect-ping', sequence: 0xff_ff_ff_ff, target: identityOf(1) } as const;
    const roomBytes = MAX_SENT_DATAGRAM_BYTES - encodeDatagram(network, identityOf(9), question).length;
    t.true(fieldCostBytes(news.bytes.length + ANNOUNCEMENT_AGE_BYTES) <= roomBytes);
  });
}

test('no datagram is longer than what passes; what has no room in any is left to a stream', (t) => {
  const clock = new ManualClock();
  const dissemination = new Dissemination(defaultParameters);
  const table = new MemberTable(identityOf(9), defaultParameters);
  const sent: number[] = [];
  const tooLong: string[] = [];
  let roomBytes = 600;
  let mayBegin = false;
  const outbox = new Outbox({
    network: 'n',
    self: identityOf(9),
    clock,
    table,
    dissemination,
    transport: {
      sendDatagram: (_to, bytes) => sent.push(bytes.length),
      datagramRoomBytes: () => roomBytes,
    },
    onTooLong: (to) => {
      if (mayBegin) tooLong.push(formatEndpoint(to));
      return mayBegin;
    },
  });
  const to = endpoint('198.18.0.2:7948');
  for (let index = 1; index <= 20; index++) {
    const claim = { identity: identityOf(index), incarnation: 1, state: 'alive', sealed: sealedWith(3, 5) } as const;
    dissemination.enqueue(newsOf({ ...claim, announcedAt: 1, ageSeconds: 0, slowness: 0, accusers: [] }, 0), 0);
  }
  outbox.send(to, { kind: 'none' });
  t.true(sent[0]! > 400 && sent[0]! <= 600);
  t.deepEqual(tooLong, []);
  const long = { identity: identityOf(30), incarnation: 1, state: 'alive', sealed: longestAnnouncement() } as const;
  dissemination.enqueue(newsOf({ ...long, announcedAt: 1, ageSeconds: 0, slowness: 0, accusers: [] }, 0), 0);
  // As long as no stream may be begun, nothing counts as sent, however often somebody is spoken to.
  for (let sent = 0; sent < 50; sent++) outbox.send(to, { kind: 'none' });
  t.true(dissemination.isLonger(600));
  mayBegin = true;
  outbox.send(to, { kind: 'none' });
  t.true(sent.slice(1).every((bytes) => bytes <= 600));
  t.deepEqual(tooLong, ['198.18.0.2:7948']);
  roomBytes = Infinity;
  outbox.send(to, { kind: 'none' });
  t.true(sent.at(-1)! > 1000 && sent.at(-1)! <= MAX_SENT_DATAGRAM_BYTES);
  t.is(tooLong.length, 1);
});
