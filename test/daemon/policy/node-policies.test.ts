import test from 'ava';
import type { Logger } from '../../../src/env/logger.ts';
import { NodePolicies, PLAN_WAIT_MS, SETTLING_WAIT_MS } from '../../../src/daemon/policy/node-policies.ts';
import { PolicyEnforcement } from '../../../src/daemon/policy/policy-enforcement.ts';
import { NodePlanner } from '../../../src/policy/node-planner.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PolicyTablesDouble, refusal } from '../../support/policy-tables-double.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

function policy(name: string): Policy {
  const subject = { namespaces: 'shop', pods: [] };
  const rest = { tier: 'namespace', priority: 0, directions: ['ingress'], isAudit: false } as const;
  return { ...rest, namespace: 'shop', name, subject, ingress: [], egress: [] };
}

/** A node with one pod, and a kernel that notes what it is told. */
function node() {
  const done: string[] = [];
  const state = {
    isKnown: false,
    isForbidden: false,
    isAway: false,
    isSettled: true,
    failure: undefined as Error | undefined,
  };
  const note = async (what: string): Promise<void> => {
    done.push(what);
    return state.failure === undefined ? Promise.resolve() : Promise.reject(state.failure);
  };
  const planner = new NodePlanner('n1');
  const clock = new ManualClock();
  const policies = new NodePolicies({
    planner,
    enforcement: {
      apply: async ({ pods }) => note(`apply ${pods.map(({ pod }) => pod).join(' ')}`),
      change: async ({ pods: { changed, gone } }) =>
        note(`change +${changed.map(({ pod }) => pod).join(' ')} -${gone.join(' ')}`),
      prepare: async (pod, device) => note(`prepare ${pod} ${device}`),
      hold: async (pod, device) => note(`hold ${pod} ${device}`),
      release: async (pod) => note(`release ${pod}`),
      repair: async () => note('repair'),
    },
    isKnown: () => state.isKnown,
    isForbidden: () => state.isForbidden,
    isAway: () => state.isAway,
    isSettled: () => state.isSettled,
    onRules: () => undefined,
    clock,
    logger: silentLogger,
  });
  const pod = {
    namespace: 'shop',
    name: 'web',
    labels: {},
    addresses: [],
    nodeName: 'n1',
    hostNetwork: false,
    ports: [],
    hasMorePorts: false,
  };
  planner.setPod({ ...pod, key: 'web' });
  return { planner, policies, clock, state, done };
}

test('nothing is enforced before all policies are known; then their plan is, and each change of it', (t) => {
  const { planner, policies, state, done } = node();
  planner.setPolicy(policy('a'));
  policies.update();
  t.deepEqual(done, []);
  state.isKnown = true;
  policies.update();
  policies.update();
  t.deepEqual(done, ['apply web']);
  planner.removePolicy('shop/a');
  policies.update();
  t.deepEqual(done, ['apply web', 'change + -web']);
});

test('that policies are not known for long is said, until they are', (t) => {
  const { policies, clock, state } = node();
  policies.start();
  t.deepEqual(policies.notices(), []);
  clock.advance(SETTLING_WAIT_MS);
  t.deepEqual(
    policies.notices().map(({ code }) => code),
    ['policies-unknown'],
  );
  t.regex(policies.notices()[0]!.message, /pods that are made are isolated in both directions$/);
  state.isForbidden = true;
  t.regex(policies.notices()[0]!.message, /pods that are made are open$/);
  state.isKnown = true;
  clock.advance(1_000);
  t.deepEqual(policies.notices(), []);
});

test('pods of other nodes are waited for, but not for ever, and for less long while a pod is made', async (t) => {
  const patient = node();
  patient.state.isKnown = true;
  patient.state.isSettled = false;
  patient.policies.start();
  patient.clock.advance(SETTLING_WAIT_MS - 1);
  t.deepEqual(patient.done, []);
  patient.clock.advance(1_000);
  t.deepEqual(patient.done, ['apply ']);
  const settling = node();
  settling.state.isKnown = true;
  settling.state.isSettled = false;
  settling.policies.start();
  settling.state.isSettled = true;
  settling.clock.advance(1_000);
  t.deepEqual(settling.done, ['apply ']);
  const busy = node();
  busy.state.isKnown = true;
  busy.state.isSettled = false;
  busy.state.isAway = true;
  busy.policies.start();
  const waiting = busy.policies.begun();
  busy.clock.advance(PLAN_WAIT_MS - 1);
  t.deepEqual(busy.done, []);
  busy.clock.advance(1);
  await waiting;
  t.deepEqual(busy.done, ['apply ']);
});

test('a pod that is made before the plan is isolated until then, unless nobody may see policies', async (t) => {
  const { policies, state, done } = node();
  await policies.prepare('a', 'wf1');
  await policies.prepare('b', 'wf2');
  t.true(policies.isHolding('a'));
  await policies.release('a');
  state.isKnown = true;
  policies.update();
  t.false(policies.isHolding('b'));
  await policies.prepare('c', 'wf3');
  t.deepEqual(done, ['hold a wf1', 'hold b wf2', 'release a', 'prepare b wf2', 'apply ', 'prepare c wf3']);
  const blind = node();
  blind.state.isForbidden = true;
  await blind.policies.prepare('a', 'wf1');
  t.deepEqual(blind.done, ['prepare a wf1']);
});

test('who waits for the plan is told when it is there, and does not wait for ever', async (t) => {
  const { policies, clock, state } = node();
  let ended = 0;
  const waiting = policies.begun().then(() => ended++);
  clock.advance(PLAN_WAIT_MS - 1);
  await new Promise(setImmediate);
  t.is(ended, 0);
  clock.advance(1);
  await waiting;
  t.false(policies.isBegun);
  const again = policies.begun();
  state.isKnown = true;
  policies.update();
  await again;
  t.true(policies.isBegun);
  const away = node();
  away.state.isAway = true;
  await away.policies.begun();
  t.false(away.policies.isBegun);
});

test('what the kernel does not take is tried again until it does', async (t) => {
  const { planner, state, clock } = node();
  const tables = new PolicyTablesDouble();
  const errors: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (_, message) => errors.push(message) };
  const enforcement = new PolicyEnforcement({ tables, cuts: { judge: () => Promise.resolve() } });
  const policies = new NodePolicies({
    planner,
    enforcement,
    isKnown: () => true,
    isForbidden: () => false,
    isAway: () => false,
    isSettled: () => state.isSettled,
    onRules: () => undefined,
    clock,
    logger,
  });
  planner.setPolicy(policy('a'));
  // The plan, and the first repair: each with log, and without.
  tables.refusals = 4;
  policies.update();
  await until('it is refused', () => errors.length > 0);
  await policies.retry();
  t.deepEqual(tables.done, []);
  t.is(enforcement.notices().length, 1);
  await policies.retry();
  await policies.retry();
  t.deepEqual(tables.done, ['make']);
  t.deepEqual(enforcement.notices(), []);
  t.deepEqual(errors, ['network policies are not enforced as they should be']);
});

test('what the kernel did not take of a pod is why that is not made', async (t) => {
  const { policies, state } = node();
  state.isKnown = true;
  policies.update();
  state.failure = refusal;
  await t.throwsAsync(policies.prepare('db', 'wf1'), { is: refusal });
});

test('an error that nobody expected is said, pods are isolated, and all of the plan is tried anew', async (t) => {
  const { planner, policies, state, done } = node();
  state.isKnown = true;
  policies.update();
  state.failure = new TypeError('no such chain');
  planner.setPolicy(policy('a'));
  policies.update();
  await until('it is said', () => policies.notices().length > 0);
  await policies.retry();
  t.deepEqual(
    policies.notices().map(({ code }) => code),
    ['policy-not-enforced'],
  );
  t.regex(policies.notices()[0]!.message, /this is a bug \(TypeError: no such chain\)$/);
  state.failure = undefined;
  planner.setPolicy(policy('b'));
  policies.update();
  await policies.prepare('db', 'wf1');
  t.true(policies.isHolding('db'));
  await policies.retry();
  t.deepEqual(policies.notices(), []);
  await policies.retry();
  const wrong = ['change +web -', 'apply web', 'hold db wf1'];
  t.deepEqual(done, ['apply ', ...wrong, 'prepare db wf1', 'apply web']);
});

test('what the planner cannot plan does not end the daemon', async (t) => {
  const { planner, policies, state } = node();
  planner.plan = () => {
    throw new RangeError('a range that is none');
  };
  state.isKnown = true;
  t.notThrows(() => policies.update());
  await policies.stop();
  t.regex(policies.notices()[0]!.message, /a range that is none/);
});

test('after its end it changes nothing', async (t) => {
  const { policies, state, done } = node();
  await policies.stop();
  state.isKnown = true;
  policies.update();
  t.deepEqual(done, []);
});
