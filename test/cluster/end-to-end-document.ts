/** docs/kubernetes-tests.md: what became of each of Kubernetes' tests of networking. Pure. */
import { FAILING, LEFT_OUT } from './end-to-end-choice.ts';
import type { TestCase } from './test-report.ts';

/** Before the names of all tests of networking. */
const AREA = '[sig-network] ';

const CONFORMANCE = '[Conformance]';

/** What the page is about. */
export interface TestedCluster {
  /** Of Kubernetes. */
  readonly version: string;
  readonly nodes: number;
  /** `2026-12-01` */
  readonly date: string;
}

/** @param cases of a run of all tests of networking. */
export function endToEndDocument(cases: readonly TestCase[], { version, nodes, date }: TestedCluster): string {
  const own = cases.filter(({ name }) => name.startsWith(AREA));
  const having = (outcome: TestCase['outcome']) => own.filter((one) => one.outcome === outcome);
  const [passed, failed, skipped] = [having('passed'), having('failed'), having('skipped')];
  const conformance = passed.filter(isConformance);
  const leftOut = reasonsOf(having('not-chosen'));
  const text = [
    "# Kubernetes' own tests",
    `Kubernetes has tests for those who write pod networks. These are the results of all of its networking tests, \`[sig-network]\`, with weft by its manifests on the
[cluster on one machine](kubernetes-cluster.md): Kubernetes ${version}, ${nodes} nodes, IPv4 and IPv6, kube-proxy with nftables; ${date}. The page is made by`,
    `\`\`\`console
$ sudo ./scripts/kubernetes up --nodes ${nodes}
$ sudo ./scripts/kubernetes e2e network
$ sudo ./scripts/kubernetes document >docs/kubernetes-tests.md
\`\`\``,
    `\`sudo ./scripts/kubernetes e2e\` runs conformance alone, as does \`sudo ./scripts/test --long test/long/kubernetes-conformance.test.ts\`, which brings a cluster of its own.`,
    `| tests | |\n| --- | --- |\n${[
      ['passed', passed.length],
      [`of them conformance, which has ${own.filter(isConformance).length}`, conformance.length],
      ['failed', failed.length],
      ['skipped by themselves', skipped.length],
      ['left out', leftOut.reduce((sum, { names }) => sum + names.length, 0)],
    ]
      .map(([what, count]) => `| ${what} | ${count} |`)
      .join('\n')}`,
    ...(failed.length === 0
      ? []
      : ['## Failed, and why', failed.map((one) => `- ${titleOf(one)}: ${whyFailed(one)}`).join('\n')]),
    '## Passed: conformance',
    listOf(conformance),
    '## Passed: others',
    listOf(passed.filter((one) => !isConformance(one))),
    '## Skipped by themselves',
    'These looked at the cluster, and skipped themselves.',
    skipped.map((one) => `- ${titleOf(one)}: ${firstLine(one.said)}`).join('\n'),
    '## Left out',
    leftOut.map(({ because, names }) => `- ${names.length}: ${because}`).join('\n'),
  ];
  return `${text.filter((part) => part !== '').join('\n\n')}\n`;
}

function isConformance({ name }: TestCase): boolean {
  return name.includes(CONFORMANCE);
}

function listOf(cases: readonly TestCase[]): string {
  return cases
    .map((one) => `- ${titleOf(one)}`)
    .toSorted()
    .join('\n');
}

/** Without what all on the page have in common, and what only says on which kind of machine it is run. */
function titleOf({ name }: TestCase): string {
  return name
    .slice(AREA.length)
    .replaceAll(/ \[(Conformance|NodeConformance|LinuxOnly|Privileged|Slow)\]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** What is known of it; otherwise what it said. */
function whyFailed({ name, said }: TestCase): string {
  return FAILING.find(({ pattern }) => new RegExp(pattern).test(name))?.because ?? firstLine(said);
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]!;
}

/** Why tests were not run, with the names of those. @throws Error if nothing says why one was not. */
function reasonsOf(cases: readonly TestCase[]): { readonly because: string; readonly names: readonly string[] }[] {
  const reasons = new Map(LEFT_OUT.map(({ because }) => [because, [] as string[]]));
  for (const { name } of cases) {
    const reason = LEFT_OUT.find(({ pattern }) => new RegExp(pattern).test(name));
    if (reason === undefined) throw new Error(`${name} was not run, and nothing says why: run e2e network`);
    reasons.get(reason.because)!.push(name);
  }
  return [...reasons].flatMap(([because, names]) => (names.length === 0 ? [] : [{ because, names }]));
}
