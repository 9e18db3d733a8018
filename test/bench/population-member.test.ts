import test from 'ava';
import {
  PREFIXES_PER_MEMBER,
  POPULATION_CLUSTER_PREFIXES,
  populationMember,
} from '../../bench/gossip/population-member.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import type { Member } from '../../src/membership/announcement.ts';
import { resolveRoutes } from '../../src/routing/resolve-routes.ts';
import { memberOf, endpoint, prefix } from '../support/announcements.ts';

const MEMBERS = 5_000;
/** Longest that an announcement may be to travel in a datagram. */
const MAX_ANNOUNCEMENT_BYTES = 1_000;

const announcements = Array.from({ length: MEMBERS }, (_, index) =>
  populationMember(index, endpoint('198.18.255.254:7948')),
);

test('nothing that the population claims is refused, beside a node of the lab', (t) => {
  const members = announcements.map((announcement): Member => {
    return { announcement, incarnation: 1, state: 'alive', sinceMs: 0, announcedMs: 0 };
  });
  const { routes, refusals } = resolveRoutes({
    self: memberOf(1),
    members,
    staticPeers: [],
    clusterPrefixes: POPULATION_CLUSTER_PREFIXES.map(prefix),
  });
  t.deepEqual(refusals, []);
  t.is(routes.length, MEMBERS * PREFIXES_PER_MEMBER + 2);
});

test('each announcement fits into a datagram', (t) => {
  const lengths = announcements.map((announcement) => sealAnnouncement(announcement).bytes.length);
  t.true(Math.max(...lengths) <= MAX_ANNOUNCEMENT_BYTES);
});
