import test from 'ava';
import { PodEdges } from '../../../src/daemon/policy/pod-edges.ts';
import type { PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { NodePlanner } from '../../../src/policy/node-planner.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { networkPolicy } from '../../support/policy-cluster.ts';

interface World {
  /** Of the Pod object. */
  readonly isThere?: boolean;
  readonly isBegun?: boolean;
  readonly isolates?: boolean;
  readonly isHolding?: boolean;
}

function edges({ isThere = true, isBegun = true, isolates = false, isHolding = false }: World = {}) {
  const done: string[] = [];
  const events = new EventLog(() => 0);
  const made = new PodEdges({
    awaitPod: async ({ name }) => {
      done.push(`await ${name}`);
      return Promise.resolve();
    },
    isKnown: () => isThere,
    facts: { ownPodsChanged: () => done.push('facts') },
    planner: plannerOf(isolates),
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

/** Labels of the pod c1:eth0 are not known. @param mayBeSelected whether a policy goes by such labels */
function plannerOf(mayBeSelected: boolean): NodePlanner {
  const planner = new NodePlanner('n1');
  const place = { namespace: 'shop', nodeName: 'n1', hostNetwork: false };
  planner.setPod({
    ...place,
    key: 'c1:eth0',
    name: 'web',
    labels: undefined,
    addresses: [],
    ports: [],
    hasMorePorts: false,
  });
  if (mayBeSelected) planner.setPolicy(networkPolicy('web', '{podSelector: {matchLabels: {app: web}}}'));
  return planner;
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
  await made.expect(attached);
  await made.prepare(attached);
  await made.release(attached);
  t.deepEqual(done, ['await web', 'await plan', 'facts', 'prepare c1:eth0 wf1', 'release c1:eth0']);
  t.deepEqual(messages(), []);
});

test('for a pod that was made by hand no object is waited for', async (t) => {
  const { made, done } = edges();
  await made.expect(record());
  await made.prepare(record());
  t.deepEqual(done, ['await plan', 'facts', 'prepare shop/web wf1']);
});

test('beside another network there are no policies', async (t) => {
  const { made, done } = edges();
  const beside = record({ containerId: 'c1', cniNetwork: 'overlay', alongside: true });
  await made.expect(beside);
  await made.prepare(beside);
  await made.release(beside);
  t.deepEqual(done, []);
});

test('of a pod that is made before there is a plan it is told what becomes of it until then', async (t) => {
  const open = edges({ isBegun: false });
  await open.made.prepare(attached);
  t.deepEqual(open.messages(), ['pod shop/web is there, and policies are not known yet: it is open until then']);
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
