import test from 'ava';
import { PodEdges } from '../../../src/daemon/policy/pod-edges.ts';
import type { PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';

interface World {
  /** Of the Pod object. */
  readonly isThere?: boolean;
  readonly isBegun?: boolean;
  readonly isAway?: boolean;
  readonly isolates?: boolean;
  readonly isHolding?: boolean;
}

function edges({ isThere = true, isBegun = true, isAway = false, isolates = false, isHolding = false }: World = {}) {
  const done: string[] = [];
  const events = new EventLog(() => 0);
  const made = new PodEdges({
    awaitPod: async ({ name }) => {
      done.push(`await ${name}`);
      return Promise.resolve(isThere ? {} : undefined);
    },
    isAway: () => isAway,
    facts: { ownPodsChanged: () => done.push('facts') },
    plan: () => planOf(isolates ? 'shop/(labels-unknown)' : 'shop/web'),
    policies: {
      isBegun,
      isHolding: () => isHolding,
      begun: async () => {
        done.push('await plan');
        return Promise.resolve();
      },
      prepare: async (pod, device) => {
        done.push(`prepare ${pod} ${device}`);
        return Promise.resolve();
      },
      release: async (pod) => {
        done.push(`release ${pod}`);
        return Promise.resolve();
      },
    },
    events,
  });
  return { made, done, messages: () => events.list().map(({ message }) => message) };
}

/** One that isolates the pod c1:eth0. */
function planOf(isolatedBy: string): PlanState {
  const plan = new PlanState();
  plan.change(
    plan.changeTo({
      pods: [{ pod: 'c1:eth0', addresses: [], ingress: 'in', egress: undefined }],
      isolations: [{ key: 'in', direction: 'ingress', rules: [], isolatedBy: [isolatedBy], isAudit: false }],
      peerSets: [],
      portSets: [],
    }),
  );
  return plan;
}

const record = (attachment?: PodRecord['attachment']): PodRecord => ({
  name: 'web',
  namespace: 'shop',
  ...(attachment !== undefined && { attachment }),
  network: 'weft',
  phase: 'adding',
  netns: '/run/netns/web',
  netnsIdentity: '',
  ownsNetns: false,
  mac: '',
  hostDevice: 'wf1',
  createdAt: '',
  notices: [],
});

const attached = record({ containerId: 'c1', cniNetwork: 'overlay', podUid: 'u' });

test('the Pod object is waited for, then the pod is told, and then its rules stand', async (t) => {
  const { made, done, messages } = edges();
  await made.prepare(attached);
  await made.release(attached);
  t.deepEqual(done, ['await web', 'facts', 'prepare c1:eth0 wf1', 'release c1:eth0']);
  t.deepEqual(messages(), []);
});

test('for a pod that was made by hand no object is waited for', async (t) => {
  const { made, done } = edges();
  await made.prepare(record());
  t.deepEqual(done, ['facts', 'prepare shop/web wf1']);
});

test('beside another network there are no policies', async (t) => {
  const { made, done } = edges();
  const beside = record({ containerId: 'c1', cniNetwork: 'overlay', alongside: true });
  await made.prepare(beside);
  await made.release(beside);
  t.deepEqual(done, []);
});

test('a plan is waited for, unless the API is away', async (t) => {
  const waiting = edges({ isBegun: false });
  await waiting.made.prepare(attached);
  t.true(waiting.done.includes('await plan'));
  const away = edges({ isBegun: false, isAway: true });
  await away.made.prepare(attached);
  t.false(away.done.includes('await plan'));
  t.deepEqual(away.messages(), ['pod shop/web is there, and policies are not known yet: it is open until then']);
  const held = edges({ isBegun: false, isHolding: true });
  await held.made.prepare(attached);
  t.regex(held.messages().join(), /policies are not known yet: it is isolated/);
});

for (const isolates of [true, false])
  test(`of a pod with unknown labels it is told that it is ${isolates ? 'isolated' : 'open'}`, async (t) => {
    const { made, messages } = edges({ isThere: false, isolates });
    await made.prepare(attached);
    const meanwhile = isolates
      ? 'isolated in both directions until then, as policies may select it'
      : 'open until then';
    t.deepEqual(messages(), [`pod shop/web is there, and its labels are not known yet: it is ${meanwhile}`]);
  });
