import test from 'ava';
import { RouteTimes } from '../../src/forwarding/route-times.ts';
import type { ResolvedRoute } from '../../src/routing/resolved-route.ts';
import { comparePrefixes, formatPrefix } from '../../src/wire/prefix.ts';
import { prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

function route(text: string, identity: string, version = 1): ResolvedRoute {
  return { network: 'default', prefix: prefix(text), owner: { kind: 'gossip', identity, name: identity }, version };
}

const SEED = 1;

test(`it keeps what a table of texts would keep, with seed ${SEED}`, (t) => {
  const random = new SeededRandom(SEED);
  const times = new RouteTimes();
  let expected = new Map<string, number>();
  for (let nowMs = 1; nowMs <= 300; nowMs++) {
    const routes = Array.from({ length: 20 }, (_, index) => index)
      .filter(() => random.below(4) > 0)
      .map((index) => route(`10.${index}.0.0/16`, random.below(10) > 0 ? 'a' : 'b', nowMs))
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
    const keys = routes.map((each) => `${formatPrefix(each.prefix)} ${each.owner.identity}`);
    expected = new Map(keys.map((key) => [key, expected.get(key) ?? nowMs]));
    times.update(routes, nowMs);
    t.deepEqual(
      routes.map((_, index) => times.sinceMs(index)),
      keys.map((key) => expected.get(key)!),
    );
  }
});
