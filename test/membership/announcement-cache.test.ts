import test from 'ava';
import { AnnouncementCache } from '../../src/membership/announcement-cache.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';

test('the same bytes give the same value, which does not change with the buffer they came in', (t) => {
  const cache = new AnnouncementCache();
  const sealed = sealAnnouncement(announcementOf(2));
  const buffer = Uint8Array.from(sealed.bytes);
  const first = cache.parse(identityOf(2), buffer);
  buffer.fill(0);
  t.deepEqual(first, sealed);
  t.is(cache.parse(identityOf(2), sealed.bytes), first);
});

test('the same bytes of another node are another value', (t) => {
  const cache = new AnnouncementCache();
  const { bytes } = sealAnnouncement(announcementOf(2));
  cache.parse(identityOf(2), bytes);
  t.like(cache.parse(identityOf(3), bytes), { announcement: { identity: identityOf(3) } });
});

test('an announcement and the one before it are kept', (t) => {
  const cache = new AnnouncementCache();
  const [first, second, third] = [1_400, 1_401, 1_402].map((mtuBytes) =>
    sealAnnouncement(announcementOf(2, { mtuBytes })),
  );
  const [one, two, three] = [first!, second!, third!].map(({ bytes }) => cache.parse(identityOf(2), bytes));
  t.is(cache.parse(identityOf(2), third!.bytes), three!);
  t.is(cache.parse(identityOf(2), second!.bytes), two!);
  t.not(cache.parse(identityOf(2), first!.bytes), one!);
});

test('what is refused is refused again', (t) => {
  const cache = new AnnouncementCache();
  t.is(cache.parse(identityOf(2), Uint8Array.of(0xff)), 'malformed');
  t.is(cache.parse(identityOf(2), Uint8Array.of(0xff)), 'malformed');
});
