/** Cables that are made and removed at one time, in network namespaces of this test. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { NewCablesReport } from '../../support/new-cables-script.ts';

const script = fileURLToPath(new URL('../../support/new-cables-script.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const rootTest = isRoot ? test : test.skip;

let seen: NewCablesReport;

test.before(() => {
  if (!isRoot) return;
  seen = JSON.parse(
    execFileSync('unshare', ['--net', '--', process.execPath, script], { encoding: 'utf8' }),
  ) as NewCablesReport;
});

rootTest('a pod that cannot be connected does not keep the others at the same time from it', (t) => {
  const [first, taken, third, none] = seen.outcomes;
  t.deepEqual([first, third], ['', '']);
  t.regex(taken!, /^cannot connect pod p2: ip link add .*File exists$/);
  t.is(none, '/proc/self/status is not a network namespace');
  t.deepEqual(seen.made, ['wf00000001', 'wf00000003']);
});

rootTest("the node's end has the gateways and no other address, and the pods are routed to", (t) => {
  t.deepEqual(seen.hostEnd.match(/(?<=inet6? )\S+/g), ['169.254.1.1/32', 'fe80::1/64']);
  const routes = seen.routes.map((route) => route.replace(/ metric .*| linkdown.*/, ''));
  t.deepEqual(routes, [
    '10.244.1.1 dev wf00000001 proto 87 scope link src 10.244.1.100',
    '10.244.1.3 dev wf00000003 proto 87 scope link src 10.244.1.100',
    'fd00::1 dev wf00000001',
    'fd00::3 dev wf00000003',
  ]);
});

rootTest('all are removed at one time, also where there is nothing', (t) => {
  t.deepEqual(seen.removals, ['', '', '', '']);
  t.deepEqual(seen.left, []);
});
