/**
 * The doctor on network policies: each fault is seeded, one at a time, and the doctor names exactly that one. Between them, policies as they
 * are usual are in force, and the node is healthy. The API server is a script on n1; kubelets and runtimes are played by the test.
 */
import test from 'ava';
import type { DoctorReport, Finding, SharedFinding } from '../../src/doctor/finding.ts';
import { KubernetesLab, type NodeName } from '../support/kubernetes-lab.ts';
import type { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const DEADLINE_MS = 60_000;

let cluster: KubernetesLab;
let lab: TestLab;

test.before(async () => {
  // What somebody changes in nftables stays for the doctor to see.
  cluster = await KubernetesLab.up(['shop', 'kube-system'], '--audit-watch', 'off');
  ({ lab } = cluster);
  await add('n1', 'shop', 'web', { app: 'web' });
  await add('n1', 'shop', 'shop', { app: 'shop' });
  await add('n2', 'kube-system', 'dns', { 'k8s-app': 'kube-dns' });
  tellPolicy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  tellPolicy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [toDns], ports: dnsPorts }] });
  tellPolicy('web', {
    podSelector: { matchLabels: { app: 'web' } },
    ingress: [{ from: [ofShop], ports: [{ port: 'http' }] }],
  });
  tellPolicy('shop', {
    podSelector: { matchLabels: { app: 'shop' } },
    policyTypes: ['Egress'],
    egress: [{ ports: [{ port: 80 }] }],
  });
});

test.after.always(async () => cluster?.down());

const ofShop = { podSelector: { matchLabels: { app: 'shop' } } };
const toDns = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
};
const dnsPorts = ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol }));

function tellPolicy(name: string, spec: object): void {
  cluster.tellPolicy(name, spec);
}

function removePolicy(name: string): void {
  cluster.removePolicy(name);
}

async function add(node: NodeName, namespace: string, name: string, labels: object): Promise<void> {
  cluster.tellPod(node, name, labels, namespace);
  await cluster.attach(node, name, namespace);
}

async function doctor(...args: readonly string[]): Promise<DoctorReport> {
  const { stdout, exitCode } = await lab.tryAsk('n1', 'doctor', '--json', ...args);
  const report = JSON.parse(stdout) as DoctorReport;
  if (report.healthy !== (exitCode === 0)) throw new Error(`healthy is ${report.healthy}, the exit code ${exitCode}`);
  return report;
}

/** What an audit of before has put right is said for ten minutes. */
function findingsOf({ shared, nodes }: DoctorReport): readonly (Finding | SharedFinding)[] {
  return [...shared, ...nodes.flatMap(({ findings }) => findings)].filter(({ id }) => id !== 'repaired-by-itself');
}

async function untilFound(id: string | undefined, ...args: readonly string[]): Promise<DoctorReport> {
  let report: DoctorReport | undefined;
  try {
    await until(
      `the doctor names ${id ?? 'nothing'} alone`,
      async () => {
        report = await doctor(...args);
        return (
          findingsOf(report)
            .map((finding) => finding.id)
            .join() === (id ?? '')
        );
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; it said ${JSON.stringify(report)}`, { cause: error });
  }
  return report!;
}

/** Half of what a node has room for: with a second one, there is none for the others. */
function tellLarge(name: string): void {
  const from = Array.from({ length: 8 }, (_, at) => ({ ipBlock: { cidr: `10.9.${at}.0/24` } }));
  const all = Array.from({ length: 1_024 }, (_, at) => ({ port: at + 1 }));
  tellPolicy(name, { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from, ports: all }] });
}

interface Fault {
  readonly id: string;
  readonly seed: () => void | Promise<unknown>;
  readonly heal: () => void | Promise<unknown>;
  readonly evidence: RegExp;
  /** Whether the node is healthy all the same. */
  readonly isNote?: boolean;
}

const faults: Readonly<Record<string, Fault>> = {
  'a policy that selects nothing': {
    id: 'policy-selects-nothing',
    seed: () => tellPolicy('typo', { podSelector: { matchLabels: { app: 'wbe' } } }),
    heal: () => removePolicy('typo'),
    evidence: /^shop\/typo spec\.podSelector: no pod is selected/,
    isNote: true,
  },
  'a rule whose peers are nobody': {
    id: 'policy-rule-never-matches',
    seed: () =>
      tellPolicy('typo', {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'shpo' } } }] }],
      }),
    heal: () => removePolicy('typo'),
    evidence: /^shop\/typo spec\.ingress\[0\]\.from\[0\]: no pod is selected/,
    isNote: true,
  },
  'a port by a name that no pod has': {
    id: 'policy-port-unknown',
    seed: () =>
      tellPolicy('typo', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'htpt' }] }] }),
    heal: () => removePolicy('typo'),
    evidence: /^shop\/typo spec\.ingress\[0\]: no pod that the policy selects has a port "htpt"/,
  },
  'a policy that lets web begin to db, and not to DNS': {
    id: 'policy-denies-dns',
    seed: () =>
      tellPolicy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [toDns], ports: [{ port: 53 }] }] }),
    heal: () =>
      tellPolicy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [toDns], ports: dnsPorts }] }),
    evidence: /DNS is denied to shop\/\w+ and 1 more: no rule for egress allows UDP port 53 of kube-system\/dns$/,
  },
  'a table of policies that somebody removes': {
    id: 'policy-not-enforced',
    seed: async () => lab.tryExec('n1', 'nft', 'delete', 'table', 'inet', 'weft-policy'),
    heal: async () => doctor('--fix'),
    evidence: /^the nftables table inet weft-policy is gone: no network policy is enforced$/,
  },
  'an element of it that somebody adds': {
    id: 'policy-not-enforced',
    seed: async () => lab.tryExec('n1', 'nft', 'add element inet weft-policy themselves { "eth0" . "weft0" }'),
    heal: async () => doctor('--fix'),
    evidence: /^eth0 \. weft0 is in the nftables set inet weft-policy themselves, and should not be$/,
  },
  'more rules than a node has room for': {
    id: 'policy-too-many-rules',
    seed: () => {
      tellLarge('large');
      tellLarge('larger');
    },
    heal: () => ['large', 'larger'].forEach(removePolicy),
    evidence: /for ingress of 1 pod, which shop\/default-deny, shop\/large, shop\/larger, shop\/web select$/,
  },
  // The last one: packets are remembered, and count for whatever policy has a block.
  'a client that another node masquerades, and a block that does not mean that': {
    id: 'policy-denies-node',
    seed: async () => {
      const from = [{ ipBlock: { cidr: '203.0.113.0/24' } }];
      tellPolicy('office', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from }] });
      await lab.tryExec('n2', 'ping', '-n', '-c', '2', '-W', '1', cluster.addressOf('web'));
    },
    heal: () => removePolicy('office'),
    evidence:
      /^2 packets from 10\.244\.2\.1, which is node n2, to 10\.244\.1\.\d+ within .*; there is shop\/office ingress\[0\]\.from\[0\] \(203\.0\.113\.0\/24\)$/,
    isNote: true,
  },
};

test.serial('policies as they are usual are nothing to speak of, on no node', async (t) => {
  await untilFound(undefined);
  const report = await untilFound(undefined, '--all');
  t.true(report.healthy && report.nodes.length === 2);
});

for (const [what, { id, seed, heal, evidence, isNote = false }] of Object.entries(faults)) {
  test.serial(`${what}: ${id}, and nothing else`, async (t) => {
    t.timeout(3 * DEADLINE_MS);
    try {
      await seed();
      const report = await untilFound(id);
      t.regex(findingsOf(report)[0]!.evidence.join('\n'), evidence);
      t.is(report.healthy, isNote);
    } finally {
      await heal();
    }
    await untilFound(undefined);
  });
}

test.serial('pods that may begin nothing at all may be meant to: a note', async (t) => {
  removePolicy('dns');
  const { healthy, nodes } = await untilFound('policy-denies-dns,policy-denies-all-egress');
  t.false(healthy);
  removePolicy('shop');
  t.true((await untilFound('policy-denies-all-egress')).healthy);
  t.is(nodes.length, 1);
});

test.serial('what all nodes see alike is said once', async (t) => {
  tellPolicy('typo', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'htpt' }] }] });
  const { shared } = await untilFound('policy-port-unknown,policy-denies-all-egress', '--all');
  t.deepEqual(
    shared.map(({ seenBy, evidence }) => [seenBy, evidence]),
    [[['n1', 'n2'], ['n1 and n2: shop/typo spec.ingress[0]: no pod that the policy selects has a port "htpt"']]],
  );
});

test.serial(
  'a node that does not ask Kubernetes, and has pods of it, says that their policies are not enforced: a note',
  async (t) => {
    await cluster.daemon('n1').end();
    cluster.start('n1', false);
    await lab.answers('n1');
    const report = await untilFound('policies-unasked');
    t.true(report.healthy);
    t.deepEqual(findingsOf(report)[0]!.evidence, ['pods of Kubernetes on this node: shop/web, shop/shop']);
  },
);
