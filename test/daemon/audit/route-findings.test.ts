import test from 'ava';
import { routeFindings } from '../../../src/daemon/audit/route-findings.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { resolveRoutes } from '../../../src/routing/resolve-routes.ts';
import type { ResolvedRoute } from '../../../src/routing/resolved-route.ts';
import { memberOf, prefix } from '../../support/announcements.ts';

function routesWith(...members: readonly Member[]): readonly ResolvedRoute[] {
  const clusterPrefixes = [prefix('10.244.0.0/16')];
  return resolveRoutes({ self: memberOf(1), members, staticPeers: [], clusterPrefixes }).routes;
}

const taken = { prefixes: [prefix('10.244.2.0/24')] };
const wanted = routesWith(memberOf(2), memberOf(3));

const finds = test.macro<[readonly ResolvedRoute[], ...RegExp[]]>({
  exec: (t, found, ...expected) => {
    const findings = routeFindings(wanted, found).map(({ problem, message }) => `${problem}: ${message}`);
    t.is(findings.length, expected.length, findings.join('\n'));
    expected.forEach((pattern, index) => t.regex(findings[index]!, pattern));
  },
  title: (name, _found, ...expected) => `${name} is ${expected.length === 0 ? 'no difference' : 'found'}`,
});

test('the same', finds, routesWith(memberOf(3), memberOf(2)));
test(
  'a route that is missing',
  finds,
  routesWith(memberOf(2)),
  /^missing: 10\.244\.3\.0\/24 of n3 \(.*\), version 1 is not in use$/,
);
test(
  'a route that is too many',
  finds,
  routesWith(memberOf(2), memberOf(3), memberOf(4)),
  /^stale: 10\.244\.4\.0\/24 of n4 .* is in use, and gone$/,
);
test(
  'a route of somebody else',
  finds,
  routesWith(memberOf(5, taken), memberOf(3)),
  /^wrong: 10\.244\.2\.0\/24 is in use as that of n5 .*, and it is that of n2 /,
);
test(
  'a route of an earlier version',
  finds,
  routesWith({ ...memberOf(2), incarnation: 9 }, memberOf(3)),
  /^wrong: .* version 9, and it is that of n2 .* version 1$/,
);
test('nothing at all', finds, [], /^missing/, /^missing/, /^missing/);
