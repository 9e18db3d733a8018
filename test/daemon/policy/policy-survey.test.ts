import test from 'ava';
import { type PolicySurveyOptions, surveyPolicies } from '../../../src/daemon/policy/policy-survey.ts';
import { MAX_WORK_MS } from '../../../src/daemon/process/sliced-work.ts';
import type { PolicyPod } from '../../../src/policy/cluster-facts.ts';
import { NodePlanner } from '../../../src/policy/node-planner.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { address, facts, networkPolicy, pods } from '../../support/policy-cluster.ts';

/** What one look at the clock takes, in virtual ms. */
const LOOK_MS = 0.1;

const dns: PolicyPod = {
  ...pods.atm,
  key: 'kube-system/dns',
  namespace: 'kube-system',
  name: 'dns',
  labels: { 'k8s-app': 'kube-dns' },
  addresses: [address('10.244.2.9')],
  ports: [],
};

function optionsWith(
  policies: readonly Policy[],
  known: Iterable<PolicyPod>,
  changes: Partial<PolicySurveyOptions> = {},
): PolicySurveyOptions {
  const planner = new NodePlanner('node1');
  for (const namespace of facts.namespaces) planner.setNamespace(namespace);
  for (const node of facts.nodes) planner.setNode(node);
  for (const pod of known) planner.setPod(pod);
  for (const policy of policies) planner.setPolicy(policy);
  return {
    planner,
    nodeName: 'node1',
    ignorance: () => '',
    answersOwnNames: () => false,
    masqueraded: () => [],
    nowMs: () => 0,
    ...changes,
  };
}

const policies = [
  networkPolicy('none', '{podSelector: {matchLabels: {app: none}}}'),
  networkPolicy('some', '{ingress: [{from: [{podSelector: {matchLabels: {app: atm}}}]}, {ports: [{port: grpc}]}]}'),
  networkPolicy('out', '{policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}'),
];
const all = [...facts.pods, dns];

test('what is suspicious is told by its kind, and of DNS for pods of this node', async (t) => {
  const { facts: found, unseen } = await surveyPolicies(optionsWith(policies, all));
  t.is(unseen, '');
  t.deepEqual(
    [found.selectingNothing, found.neverMatching, found.unknownPorts].map(({ some }) =>
      some.map(({ policy }) => policy),
    ),
    [['shop/none'], ['shop/some'], ['shop/some']],
  );
  t.deepEqual(
    found.nameDenials.map(({ pod, policy, beginsOthers }) => [pod, policy, beginsOthers]),
    [['shop/web', 'shop/out', true]],
  );
});

test('of many of a kind, some are told and all are counted', async (t) => {
  const many = Array.from({ length: 50 }, (_, at) =>
    networkPolicy(`none-${at}`, '{podSelector: {matchLabels: {app: none}}}'),
  );
  const { selectingNothing } = (await surveyPolicies(optionsWith(many, all))).facts;
  t.deepEqual([selectingNothing.some.length, selectingNothing.count], [8, 50]);
});

test('where the node answers DNS itself, policies do not keep pods from it', async (t) => {
  const { facts: found } = await surveyPolicies(optionsWith(policies, all, { answersOwnNames: () => true }));
  t.deepEqual(found.nameDenials, []);
  t.is(found.selectingNothing.count, 1);
});

test('as long as not all is known, nothing is suspected', async (t) => {
  const why = 'not all pods are known yet';
  const { facts: found, unseen } = await surveyPolicies(optionsWith(policies, all, { ignorance: () => why }));
  t.deepEqual([found.selectingNothing.count, found.nameDenials, unseen], [0, [], why]);
});

test('what takes too long is ended, and said not to be all', async (t) => {
  let nowMs = 0;
  const { unseen } = await surveyPolicies(optionsWith(policies, all, { nowMs: () => (nowMs += MAX_WORK_MS / 4) }));
  t.is(unseen, `there are too many policies and pods to look at all of them within ${MAX_WORK_MS} ms`);
});

test('gossip does not wait for 1 000 policies and 5 000 pods in one namespace', async (t) => {
  const crowd = Array.from({ length: 5_000 }, (_, at): PolicyPod => {
    const key = `shop/web-${at}`;
    const nodeName = at < 200 ? 'node1' : 'node2';
    const addresses = [address(`10.245.${at >> 8}.${at & 255}`)];
    return { ...pods.web, key, name: `web-${at}`, labels: { app: `app-${at % 100}` }, nodeName, addresses };
  });
  const many = Array.from({ length: 1_000 }, (_, at) =>
    networkPolicy(
      `p${at}`,
      `{podSelector: {matchLabels: {app: ${at % 2 === 0 ? `app-${at % 100}` : `none-${at}`}}}, policyTypes: [Ingress, Egress],
        ingress: [{from: [{podSelector: {matchLabels: {app: nobody-${at}}}}], ports: [{port: http}, {port: grpc}]}],
        egress: [{ports: [{port: 80}]}]}`,
    ),
  );
  // Each look at the clock costs time, so that what was done between two turns of others can be counted.
  let nowMs = 0;
  let longestMs = 0;
  let turnMs = 0;
  let isDone = false;
  const options = optionsWith(many, [...crowd, dns], { nowMs: () => (nowMs += LOOK_MS) });
  const takeTurn = (): void => {
    longestMs = Math.max(longestMs, nowMs - turnMs);
    turnMs = nowMs;
    if (!isDone) setImmediate(takeTurn);
  };
  setImmediate(takeTurn);
  const { facts: found, unseen } = await surveyPolicies(options);
  isDone = true;
  t.is(unseen, '');
  t.deepEqual([found.selectingNothing.count, found.neverMatching.count, found.nameDenials.length], [500, 500, 100]);
  t.log(`${nowMs.toFixed(1)} ms of looks, ${longestMs.toFixed(1)} ms at a time`);
  // A slice, and what was left of the work before it.
  t.true(longestMs < 9);
  // Nor is a step more than one policy, or one pod: as often it looks.
  t.true(nowMs / LOOK_MS > many.length + 200);
});
