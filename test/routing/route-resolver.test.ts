import test from 'ava';
import type { Member, MemberState } from '../../src/membership/announcement.ts';
import { resolveRoutes } from '../../src/routing/resolve-routes.ts';
import type { StaticPeer } from '../../src/routing/static-peer.ts';
import { RouteResolver } from '../../src/routing/route-resolver.ts';
import type { Prefix } from '../../src/wire/prefix.ts';
import { announcementOf, endpoint, memberOf, prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { resolveSlowly } from '../support/slow-routes.ts';

const clusterPrefixes = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
const states: readonly MemberState[] = ['alive', 'alive', 'alive', 'suspect', 'dead', 'left'];

/** Of a few only, so that they meet: in each other, side by side, and outside the cluster now and then. */
function anyPrefix(random: SeededRandom): Prefix {
  const lengthBits = 20 + random.below(9);
  const number = random.below(2 ** 12) * 16;
  const four = number - (number % 2 ** (32 - lengthBits));
  const third = random.below(4);
  switch (random.below(12)) {
    case 0:
      return prefix(`10.${245 + random.below(2)}.${third}.0/24`);
    case 1:
      return prefix(`fd00:10:244:${third}::/64`);
    case 2:
      return prefix(`fd00:10:244::${third}:0/${112 + random.below(2) * 16}`);
    case 3:
      return prefix('fd00:10:244::/62');
    case 4:
      return prefix('10.244.0.0/16');
    default:
      return prefix(`10.244.${four >> 8}.${four & 255}/${lengthBits}`);
  }
}

function anyMember(random: SeededRandom, number: number, rarely: number): Member {
  const isOdd = (): boolean => random.below(rarely) === 0;
  const change = {
    ...(isOdd() && { name: `n${1 + random.below(12)}` }),
    ...(isOdd() && { mac: announcementOf(1 + random.below(12)).mac }),
    ...(isOdd() && { network: 'blue' }),
    ...(isOdd() && { dataEndpoints: [] }),
    ...(isOdd() && { dataEndpoints: announcementOf(1 + random.below(12)).dataEndpoints }),
    prefixes: Array.from({ length: random.below(5) }, () => anyPrefix(random)),
  };
  const member = memberOf(number, change, states[random.below(states.length)]);
  return { ...member, incarnation: 1 + random.below(3) };
}

function anyStaticPeers(random: SeededRandom): StaticPeer[] {
  return Array.from({ length: random.below(3) }, (_, index) => ({
    name: `v${index}`,
    endpoint: endpoint(`198.18.9.${index}:4789`),
    mac: announcementOf(90 + random.below(3)).mac,
    prefixes: [anyPrefix(random), anyPrefix(random)],
  }));
}

for (const seed of [1, 2, 3, 4]) {
  test(`what is resolved again and again is what it would be if it were resolved the slow way (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    for (let cluster = 0; cluster < 25; cluster++) {
      const rarely = [3, 20, 1_000][random.below(3)]!;
      const staticPeers = anyStaticPeers(random);
      const resolver = new RouteResolver({ staticPeers, clusterPrefixes });
      let members = Array.from({ length: 10 }, (_, index) => anyMember(random, index + 1, rarely));
      for (let step = 0; step < 8; step++) {
        const at = random.below(members.length);
        const change = random.below(4) === 0 ? [] : [anyMember(random, at + 1, rarely)];
        members = members.toSpliced(at, change.length, ...change);
        const self = members[random.below(members.length)]!;
        const claims = { self, members, staticPeers, clusterPrefixes };
        const wanted = resolveSlowly(claims);
        t.deepEqual(resolver.resolve(self, members), wanted);
        t.deepEqual(resolveRoutes(claims), wanted);
      }
    }
  });
}

test('routes of whoever claims the same as before are the same objects', (t) => {
  const resolver = new RouteResolver({ staticPeers: [], clusterPrefixes });
  const others = [memberOf(2), memberOf(3)];
  const before = resolver.resolve(memberOf(1), others).routes;
  const after = resolver.resolve(memberOf(1), [others[0]!, { ...others[1]!, incarnation: 2 }]).routes;
  const isSame = after.map((route, index) => route === before[index] && route.owner.name);
  t.deepEqual(isSame, [false, 'n2', false, false, 'n2', false]);
});
