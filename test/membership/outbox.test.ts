import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { ANNOUNCEMENT_AGE_BYTES, fieldCostBytes } from '../../src/membership/claim-codec.ts';
import { encodeDatagram } from '../../src/membership/codec.ts';
import { MAX_ANNOUNCEMENT_BYTES, MAX_INCARNATION, MAX_SENT_DATAGRAM_BYTES } from '../../src/membership/limits.ts';
import { newsOf } from '../../src/membership/outbox.ts';
import { announcementOf, identityOf, prefix } from '../support/announcements.ts';

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
