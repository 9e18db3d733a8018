/** Policies of a running cluster with whom they are about, and how often they were used. As `--json` prints it. */
import type { KnownPolicy, PolicyCounts, PolicyReport } from '../api/policy-api.ts';
import type { SilentNode } from '../api/silent-node.ts';
import { nearestName } from '../api/nearest-name.ts';
import { WeftError } from '../errors.ts';
import type { PolicyPod } from '../policy/cluster-facts.ts';
import { comparePolicies, type Direction, type PodSelector, type Policy, type Tier, tiers } from '../policy/policy.ts';
import { enforcedPolicy, titleOfKnown } from './policy-cluster.ts';
import { type AskedCluster, clusterOf } from './policy-question.ts';

export interface PolicyListing {
  /** That was asked. */
  readonly node: string;
  /** In the order in which they are asked. */
  readonly policies: readonly ListedPolicy[];
  /** Nodes whose counts are not in it. */
  readonly missing: readonly SilentNode[];
  /** Why it may be otherwise. */
  readonly notices: readonly string[];
}

export interface ListedPolicy {
  /** Its title: `shop/web`. */
  readonly policy: string;
  readonly kind: KnownPolicy['object']['kind'];
  readonly source: KnownPolicy['source'];
  readonly state: KnownPolicy['state'];
  /** What is wrong with it. */
  readonly problems: readonly string[];
  readonly mode: 'enforce' | 'audit';
  readonly tier: Tier;
  readonly priority: number;
  readonly directions: readonly Direction[];
  readonly pods: SelectedPods;
  /** Connections. */
  readonly allowed: number;
  /** Packets. */
  readonly denied: number;
  /** Packets that it would deny, were it not in audit mode. */
  readonly audited: number;
  /** When any of it was last; empty: never. */
  readonly last: string;
}

export interface SelectedPods {
  /** In the cluster. */
  readonly all: number;
  /** Of the node that was asked. */
  readonly own: number;
  /** Of which that is not known, as their labels are not. */
  readonly unknown: number;
}

/** @param namespaces `undefined`: all, and policies of the whole cluster */
export function listPolicies(
  report: PolicyReport,
  { policies: counts, missing }: PolicyCounts,
  namespaces: readonly string[] | undefined,
): PolicyListing {
  const cluster = clusterOf(report, undefined);
  const finder = new PodFinder(cluster);
  const byTitle = new Map(counts.map((one) => [one.policy, one]));
  const listed = knownPolicies(report)
    .filter(({ policy }) => namespaces?.includes(policy.namespace) ?? true)
    .sort((a, b) => compareAsked(a.policy, b.policy))
    .map(({ known, policy }): ListedPolicy => {
      const { allowed = 0, denied = 0, audited = 0, last = '' } = byTitle.get(titleOfKnown(known)) ?? {};
      return {
        ...headOf(known, policy),
        pods: countOf(finder, policy.subject, report.node),
        allowed,
        denied,
        audited,
        last,
      };
    });
  return { node: report.node, policies: listed, missing, notices: report.notices.map(({ message }) => message) };
}

/** What is told of a policy without asking whom it selects. */
export function headOf(
  known: KnownPolicy,
  { isAudit, tier, priority, directions }: Policy,
): Omit<ListedPolicy, 'pods' | 'allowed' | 'denied' | 'audited' | 'last'> {
  return {
    policy: titleOfKnown(known),
    kind: known.object.kind,
    source: known.source,
    state: known.state,
    problems: known.problems,
    mode: isAudit ? 'audit' : 'enforce',
    tier,
    priority,
    directions,
  };
}

/** Each policy, and what nodes enforce of it. */
export interface ReadPolicy {
  readonly known: KnownPolicy;
  readonly policy: Policy;
}

export function knownPolicies({ policies }: Pick<PolicyReport, 'policies'>): ReadPolicy[] {
  return policies.flatMap((known) => {
    const policy = enforcedPolicy(known);
    return policy === undefined ? [] : { known, policy };
  });
}

/** @throws WeftError `usage`, with what was probably meant */
export function findPolicy(report: PolicyReport, title: string): ReadPolicy {
  const all = knownPolicies(report);
  const found = all.find(({ known }) => titleOfKnown(known) === title);
  if (found !== undefined) return found;
  const titles = all.map(({ known }) => titleOfKnown(known));
  const near = titles.find((one) => one.endsWith(`/${title}`)) ?? nearestName(title, titles);
  const hint = near === undefined ? 'weft policy list has those that there are' : `did you mean ${near}?`;
  throw new WeftError('usage', `no policy ${title} is known to ${report.node}: ${hint}`);
}

/** Finds those whom selectors mean: of thousands of policies, each looks at pods of its namespace alone. */
export class PodFinder {
  readonly #cluster: AskedCluster;
  readonly #pods: readonly PolicyPod[];
  readonly #byNamespace: ReadonlyMap<string, readonly PolicyPod[]>;

  constructor(cluster: AskedCluster) {
    this.#cluster = cluster;
    this.#pods = cluster.pods.pods.filter(({ hostNetwork }) => !hostNetwork);
    this.#byNamespace = Map.groupBy(this.#pods, ({ namespace }) => namespace);
  }

  /** @param isSelected `undefined`: those of which that is not known */
  find(selector: PodSelector, isSelected: true | undefined): readonly PolicyPod[] {
    const { namespaces } = selector;
    const there = typeof namespaces === 'string' ? this.#byNamespace.get(namespaces) : this.#pods;
    return (there ?? []).filter((pod) => this.#cluster.view.isSelected(pod, selector) === isSelected);
  }
}

export function countOf(finder: PodFinder, selector: PodSelector, node: string): SelectedPods {
  const selected = finder.find(selector, true);
  return {
    all: selected.length,
    own: selected.filter(({ nodeName }) => nodeName === node).length,
    unknown: finder.find(selector, undefined).length,
  };
}

function compareAsked(a: Policy, b: Policy): number {
  return tiers.indexOf(a.tier) - tiers.indexOf(b.tier) || comparePolicies(a, b);
}
