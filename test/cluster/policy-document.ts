/** docs/policy-tests.md: what became of foreign tests of network policies. Pure. */
import type { PolicyTest } from './policy-report.ts';
import { CYCLONUS_VERSION, POLICY_API_VERSION } from './policy-versions.ts';

/** What became of each test of a suite, and on which day that was. */
export interface PolicyResults {
  readonly tests: readonly PolicyTest[];
  /** `2026-12-01` */
  readonly date: string;
}

/** What the page is about. */
export interface PolicyTestsRun {
  readonly cyclonus: PolicyResults;
  readonly api: PolicyResults;
  /** Of Kubernetes. */
  readonly version: string;
  readonly nodes: number;
}

/** Tests that a kernel without SCTP has only the beginning of. */
const SCTP =
  'SCTP: the kernel of the machine has none. Pods send INIT and answer INIT ACK in packets of their own, which is all that policies judge.';

export function policyDocument({ cyclonus, api, version, nodes }: PolicyTestsRun): string {
  const text = [
    '# Foreign tests of network policies',
    `Others have tests for those who enforce network policies. These are their results, with weft by its manifests on the [cluster on one machine](kubernetes-cluster.md): Kubernetes ${version},
${nodes} nodes, kube-proxy with nftables. What policies mean with weft is in [policy.md](policy.md); the tests of NetworkPolicy that Kubernetes itself has are among [its own](kubernetes-tests.md). This makes the page; why a test failed is added by hand:`,
    `\`\`\`console
$ sudo ./scripts/kubernetes up --nodes ${nodes}
$ sudo ./scripts/kubernetes cyclonus
$ sudo ./scripts/kubernetes policy-api
$ sudo ./scripts/kubernetes document policies >docs/policy-tests.md
\`\`\``,
    '`sudo ./scripts/test --long test/long/kubernetes-policy.test.ts` runs both on a cluster of its own; of cyclonus, a part, unless `CYCLONUS=all` is set.',
    [
      '| tests | version | run | passed | failed | skipped |',
      '| --- | --- | --- | --- | --- | --- |',
      rowOf('[cyclonus](https://github.com/mattfenwick/cyclonus)', CYCLONUS_VERSION, cyclonus),
      rowOf('[network-policy-api](https://network-policy-api.sigs.k8s.io), conformance', POLICY_API_VERSION, api),
    ].join('\n'),
    '## cyclonus',
    `Each case applies policies, or changes labels, pods and namespaces, and then asks from each of nine pods in three namespaces whether it reaches each of them through its service, by TCP, UDP and SCTP at two ports: ${9 * 9 * 6} questions. What
comes out is compared with what cyclonus' own reading of the policies says. All its cases were run, also those that it leaves out unless it is told otherwise.`,
    listed('Failed', cyclonus, 'failed'),
    '## network-policy-api',
    `The definition of ClusterNetworkPolicy is that of the experimental channel, which has all fields; the tests are all there are, those of experimental features (named ports, nodes as peers) as well.`,
    listed('Failed', api, 'failed'),
    listed('Skipped', api, 'skipped'),
    listed('Passed', api, 'passed'),
    '## What is not as its authors have it',
    `- ${SCTP}
- What asks in pods is one small program of weft's tests, with the words and exit codes of \`agnhost connect\` and of cyclonus' worker: the former needs 50 ms of a processor to start, and there are more than 100 000 questions.
- cyclonus asks all questions of a pod in one go (its batch mode, which its command line has no option for), asks the API as fast as it answers, and asks up to four times what came out otherwise: each question waits for two seconds, which is not long on a busy machine.
- cyclonus is told to pass over what a pod gets from itself: it would have policies keep a pod from itself, and Kubernetes says that they never do.
- Of network-policy-api, the pods that have to be kept from nodes are on another node than those with the network of their node: a pod always reaches its own node. Otherwise \`EgressNodePeers\` fails where the scheduler puts them on one.
- Pods are asked by IPv4. IPv6 has the same policies in [weft's own tests](policy.md).`,
  ];
  return `${text.filter((part) => part !== '').join('\n\n')}\n`;
}

function rowOf(title: string, version: string, { tests, date }: PolicyResults): string {
  const count = (outcome: PolicyTest['outcome']): number => tests.filter((one) => one.outcome === outcome).length;
  return `| ${title} | ${version} | ${date} | ${count('passed')} | ${count('failed')} | ${count('skipped')} |`;
}

function listed(title: string, { tests }: PolicyResults, outcome: PolicyTest['outcome']): string {
  const names = tests.filter((one) => one.outcome === outcome).map(({ name }) => `- ${name}`);
  return names.length === 0 ? '' : `${title}:\n\n${names.join('\n')}`;
}
