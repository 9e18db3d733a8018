import test from 'ava';
import type { Announcement, Member, MemberState } from '../../src/membership/announcement.ts';
import { ClaimWatch } from '../../src/routing/claim-watch.ts';
import { announcementOf, endpoint, identityOf, memberOf, prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { resolveSlowly } from '../support/slow-routes.ts';

const self = memberOf(1);

/** What is made of node 2 that was as it is, and is now with `change`. */
function changeOf(change: Partial<Announcement>, state: MemberState = 'alive', before: MemberState = 'alive') {
  const watch = new ClaimWatch();
  watch.update(self, [memberOf(2, {}, before)]);
  return watch.update(self, [{ ...memberOf(2, change, state), incarnation: 2 }]);
}

const versionOnly = test.macro<[Partial<Announcement>, MemberState?]>({
  exec: (t, change, state) => {
    t.deepEqual(changeOf(change, state), { isDecisive: false, versions: new Map([[identityOf(2), 2]]) });
  },
  title: (name) => `${name} changes no route`,
});

test('a refutation', versionOnly, {});
test('a suspicion', versionOnly, {}, 'suspect');
test('a path report', versionOnly, {
  pathReports: [{ identity: identityOf(3), lossPermille: 1_000, roundTripUs: 0 }],
});
test('a key', versionOnly, { keyIds: ['0123456789abcdef'] });
test('another version of weft', versionOnly, { version: '9.9.9' });
test('another capability', versionOnly, { capabilities: [] });
test('another MTU', versionOnly, { mtuBytes: 1_400 });
test('another gossip endpoint', versionOnly, { gossipEndpoint: endpoint('198.18.7.7:7948') });

const decisive = test.macro<[Partial<Announcement>, MemberState?, MemberState?]>({
  exec: (t, change, state, before) => t.true(changeOf(change, state, before).isDecisive),
  title: (name) => `${name} may change routes`,
});

const { dataEndpoints } = announcementOf(2);
test('another name', decisive, { name: 'other' });
test('another network', decisive, { network: 'blue' });
test('another MAC address', decisive, { mac: announcementOf(3).mac });
test('another data endpoint', decisive, { dataEndpoints: announcementOf(3).dataEndpoints });
test('one more data endpoint', decisive, { dataEndpoints: [...dataEndpoints, ...dataEndpoints] });
test('another gear', decisive, { dataEndpoints: [{ ...dataEndpoints[0]!, gear: 'kernel' }] });
test('one prefix less', decisive, { prefixes: [prefix('10.244.2.0/24')] });
test('another prefix', decisive, { prefixes: [prefix('10.244.2.0/24'), prefix('fd00:10:244:3::/64')] });
test('a death', decisive, {}, 'dead');
test('a leave', decisive, {}, 'left');
test('a return', decisive, {}, 'alive', 'dead');

test('what the dead say is of no interest', (t) => {
  t.deepEqual(changeOf({ name: 'other' }, 'left', 'dead'), {
    isDecisive: false,
    versions: new Map([[identityOf(2), 2]]),
  });
});

test('a member that is new or forgotten is decisive if it is alive', (t) => {
  const watch = new ClaimWatch();
  const of = (...others: readonly Member[]): boolean => watch.update(self, others).isDecisive;
  t.true(of(), 'the first');
  t.false(of());
  t.false(of(self), 'this node may be among them');
  t.true(of(memberOf(2)));
  t.false(of(memberOf(2), memberOf(3, {}, 'dead')));
  t.false(of(memberOf(2)));
  t.true(of());
  watch.forget();
  t.true(of());
});

for (const seed of [1, 2, 3]) {
  test(`if it says that routes stay, they stay, but for their versions (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const clusterPrefixes = [prefix('10.244.0.0/16')];
    const any = (number: number): Member => {
      const change = {
        name: `n${random.below(6) + 1}`,
        mac: announcementOf(1 + random.below(6)).mac,
        prefixes: [prefix(`10.244.${random.below(6)}.0/24`)],
        version: `${random.below(3)}`,
      };
      const state = (['alive', 'suspect', 'dead'] as const)[random.below(3)];
      return { ...memberOf(number, random.below(3) === 0 ? change : {}, state), incarnation: 1 + random.below(3) };
    };
    const watch = new ClaimWatch();
    let members = [1, 2, 3, 4].map(any);
    let stayed = 0;
    const resolve = () => resolveSlowly({ self: members[0]!, members, staticPeers: [], clusterPrefixes });
    watch.update(members[0]!, members);
    let before = resolve();
    for (let step = 0; step < 300; step++) {
      const at = random.below(members.length);
      members = members.with(at, any(at + 1));
      const { isDecisive, versions } = watch.update(members[0]!, members);
      const after = resolve();
      if (!isDecisive) {
        stayed++;
        const routes = before.routes.map((route) => ({
          ...route,
          version: versions.get(route.owner.identity) ?? route.version,
        }));
        t.deepEqual({ ...before, routes }, after);
      }
      before = after;
    }
    t.true(stayed > 10, `${stayed}`);
  });
}
