/**
 * Whether a flow may begin, and which rule of which policy says so: at the edge of the pod that it comes from, and at that of the pod that it
 * goes to. Answers belong to the flow, and are not asked about.
 *
 * Only what a node forwards is judged: what a pod and its own node send to each other is not, nor what a pod sends to itself.
 */
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import type { PolicyNode, PolicyPod } from './cluster-facts.ts';
import type { ClusterView } from './cluster-view.ts';
import { selects } from './label-selector.ts';
import { isInBlock } from './peer-prefixes.ts';
import {
  type Direction,
  type Policy,
  type PeerBlock,
  type PodSelector,
  type PolicyPeer,
  type PolicyPort,
  type PolicyProtocol,
  type PolicyRule,
  ruleName,
  tiers,
  titleOf,
} from './policy.ts';
import { ruleNameForUnknown } from './unknown-labels.ts';
import { protocolsOfNames, ruleNameForUnknownPorts } from './unknown-ports.ts';

/** What would begin, as it is seen behind the translation of service addresses. */
export interface Flow {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** `undefined`: whatever has no ports for policies, such as ICMP. */
  readonly protocol: PolicyProtocol | undefined;
  /** At the destination. `undefined`: it has none. */
  readonly port: number | undefined;
}

export interface Verdict {
  /** At both edges. */
  readonly isAllowed: boolean;
  /** Of the pod that it comes from. */
  readonly egress: EdgeVerdict;
  /** Of the pod that it goes to. */
  readonly ingress: EdgeVerdict;
}

export interface EdgeVerdict {
  readonly isAllowed: boolean;
  readonly cause: VerdictCause;
  /** What would have denied it, were it not in audit mode: each `rule` or `isolated`. */
  readonly audited: readonly VerdictCause[];
}

export type VerdictCause =
  /** No pod with a network of its own has the address, so that there is no edge. */
  | { readonly kind: 'no-pod' }
  /** The pod talks to itself. */
  | { readonly kind: 'itself' }
  /** The other end is the node that has the pod. */
  | { readonly kind: 'own-node' }
  /** No policy selects the pod in this direction. */
  | { readonly kind: 'not-selected' }
  /** Policies of the cluster select it, and none of their rules decided. */
  | { readonly kind: 'undecided' }
  /** Labels of the pod, `shop/web`, are not known, and the policy with this title may select it. */
  | { readonly kind: 'labels-unknown'; readonly pod: string; readonly policy: string }
  /**
   * `policy` is its title, `rule` its {@link ruleName}, and `title` what the author calls the rule, or empty. If it denies only because labels
   * of the other end are not known, {@link ruleNameForUnknown}; or ports of the destination, {@link ruleNameForUnknownPorts}.
   */
  | { readonly kind: 'rule'; readonly policy: string; readonly rule: string; readonly title: string }
  /** No rule of a NetworkPolicy matched, and these isolate. */
  | { readonly kind: 'isolated'; readonly policies: readonly string[] };

const words = {
  'no-pod': 'no pod has the address',
  itself: 'a pod always reaches itself',
  'own-node': 'a pod and its own node always reach each other',
  'not-selected': 'no policy selects the pod',
  undecided: 'no rule decides',
} as const;

/** Policies that are named of those that isolate: a pod may have any number. */
const MAX_NAMED = 3;

/** In the words of a person: `shop/web ingress[2].from[0]`, `isolated by shop/web, no rule matches`. */
export function causeText(cause: VerdictCause): string {
  if (cause.kind === 'isolated') return `isolated by ${namesOf(cause.policies)}, no rule matches`;
  if (cause.kind === 'labels-unknown')
    return `the labels of ${cause.pod} are not known yet, and ${cause.policy} may select it`;
  if (cause.kind !== 'rule') return words[cause.kind];
  return cause.title === '' ? cause.rule : `${cause.rule} (${cause.title})`;
}

function namesOf(titles: readonly string[]): string {
  const named = titles.slice(0, MAX_NAMED).join(', ');
  return titles.length > MAX_NAMED ? `${named} and ${titles.length - MAX_NAMED} more` : named;
}

/** Judges a flow at both edges. */
export function verdict(flow: Flow, cluster: ClusterView): Verdict {
  const egress = edgeVerdict(flow, 'egress', cluster);
  const ingress = edgeVerdict(flow, 'ingress', cluster);
  return { isAllowed: egress.isAllowed && ingress.isAllowed, egress, ingress };
}

/** Judges a flow at the edge of the pod that has this end of it. If several pods claim the address, none of them may deny. */
export function edgeVerdict(flow: Flow, direction: Direction, cluster: ClusterView): EdgeVerdict {
  const own = direction === 'ingress' ? flow.destination : flow.source;
  const verdicts = cluster.podsAt(own).map((pod) => podVerdict(pod, flow, direction, cluster));
  return verdicts.find(({ isAllowed }) => !isAllowed) ?? verdicts[0] ?? allowed({ kind: 'no-pod' }, []);
}

function podVerdict(pod: PolicyPod, flow: Flow, direction: Direction, cluster: ClusterView): EdgeVerdict {
  const other = otherEnd(flow, direction);
  if (pod.addresses.some((address) => equalIpAddresses(address, other))) return allowed({ kind: 'itself' }, []);
  if (cluster.nodesAt(other).some(({ name }) => name === pod.nodeName)) return allowed({ kind: 'own-node' }, []);
  const closing = cluster.closingPolicy(pod);
  if (closing !== undefined) {
    const cause: VerdictCause = { kind: 'labels-unknown', pod: titleOf(pod), policy: titleOf(closing) };
    return { isAllowed: false, cause, audited: [] };
  }
  const policies = cluster.policiesFor(pod, direction);
  if (policies.length === 0) return allowed({ kind: 'not-selected' }, []);
  return new Judgement(pod, flow, direction, cluster).of(policies);
}

function allowed(cause: VerdictCause, audited: readonly VerdictCause[]): EdgeVerdict {
  return { isAllowed: true, cause, audited };
}

function otherEnd({ source, destination }: Flow, direction: Direction): IpAddress {
  return direction === 'ingress' ? source : destination;
}

/** What policies say of one flow at the edge of one pod. */
class Judgement {
  readonly #flow: Flow;
  readonly #other: IpAddress;
  readonly #otherPods: readonly PolicyPod[];
  readonly #otherNodes: readonly PolicyNode[];
  /** Whose ports a name may stand for. What others claim says nothing of the ports of a pod that is judged. */
  readonly #portPods: readonly PolicyPod[];
  readonly #direction: Direction;
  readonly #cluster: ClusterView;
  readonly #audited: VerdictCause[] = [];

  constructor(pod: PolicyPod, flow: Flow, direction: Direction, cluster: ClusterView) {
    this.#flow = flow;
    this.#other = otherEnd(flow, direction);
    this.#otherPods = cluster.podsAt(this.#other);
    this.#otherNodes = cluster.nodesAt(this.#other);
    this.#portPods = direction === 'ingress' ? [pod] : this.#otherPods;
    this.#direction = direction;
    this.#cluster = cluster;
  }

  /** @param policies all that select the pod, in order. */
  of(policies: readonly Policy[]): EdgeVerdict {
    for (const tier of tiers) {
      const asked = policies.filter((policy) => policy.tier === tier);
      const decision = this.#firstDecision(asked) ?? (tier === 'namespace' ? this.#isolation(asked) : undefined);
      if (decision !== undefined) return decision;
    }
    return allowed({ kind: 'undecided' }, this.#audited);
  }

  /** Of the rules of a tier; `undefined`: none decides, or one passes the flow on. */
  #firstDecision(policies: readonly Policy[]): EdgeVerdict | undefined {
    for (const policy of policies) {
      for (const rule of policy[this.#direction]) {
        for (const name of this.#matching(rule)) {
          const isCertain = name === ruleName;
          if (!isCertain && rule.action === 'allow') continue;
          if (isCertain && rule.action === 'pass') return undefined;
          const cause: VerdictCause = {
            kind: 'rule',
            policy: titleOf(policy),
            rule: name(policy, rule),
            title: rule.title,
          };
          if (rule.action === 'allow') return allowed(cause, this.#audited);
          if (rule.action === 'pass' || !policy.isAudit) return { isAllowed: false, cause, audited: this.#audited };
          this.#audited.push(cause);
        }
      }
    }
    return undefined;
  }

  #isolation(policies: readonly Policy[]): EdgeVerdict | undefined {
    if (policies.length === 0) return undefined;
    const cause: VerdictCause = { kind: 'isolated', policies: policies.map(titleOf) };
    if (policies.some(({ isAudit }) => !isAudit)) return { isAllowed: false, cause, audited: this.#audited };
    this.#audited.push(cause);
    return undefined;
  }

  /** As what a rule matches: for certain, or for want of what is known. In the order in which the kernel asks. */
  #matching({ peer, ports }: PolicyRule): readonly ((policy: Policy, rule: PolicyRule) => string)[] {
    const isPort = ports === undefined || ports.some((port) => this.#isPort(port));
    const mayBePort = this.#mayBePort(ports);
    if (!isPort && !mayBePort) return [];
    const isPeer = this.#isPeer(peer);
    if (isPeer === undefined) return [ruleNameForUnknown];
    if (!isPeer) return [];
    return [...(isPort ? [ruleName] : []), ...(mayBePort ? [ruleNameForUnknownPorts] : [])];
  }

  #isPeer(peer: PolicyPeer): boolean | undefined {
    if (peer.kind === 'pods') return this.#isPodPeer(peer.pods);
    if (peer.kind === 'nodes') return this.#otherNodes.some(({ labels }) => selects(peer.nodes, labels));
    if (peer.kind === 'block') return this.#isInBlock(peer);
    return peer.kind === 'all';
  }

  #isPodPeer(selector: PodSelector): boolean | undefined {
    const selected = this.#otherPods.map((pod) => this.#cluster.isSelected(pod, selector));
    return selected.includes(true) || (selected.includes(undefined) ? undefined : false);
  }

  /** Other nodes see a node by its address in the overlay. Whoever writes a policy knows the one on the underlay. */
  #isInBlock(block: PeerBlock): boolean {
    const ofNode = this.#overlayNodes().flatMap(({ underlayAddresses }) => underlayAddresses);
    return [this.#other, ...ofNode].some((address) => isInBlock(block, address));
  }

  /** Nodes that have the other end as their address in the overlay. */
  #overlayNodes(): readonly PolicyNode[] {
    return this.#otherNodes.filter(({ overlayAddresses }) =>
      overlayAddresses.some((address) => equalIpAddresses(address, this.#other)),
    );
  }

  /** Whether a pod at the destination may have the port under one of the names. */
  #mayBePort(ports: PolicyRule['ports']): boolean {
    const { protocol, port } = this.#flow;
    if (protocol === undefined || port === undefined || this.#portPods.every((pod) => !pod.hasMorePorts)) return false;
    return protocolsOfNames(ports).some((one) => (one ?? protocol) === protocol);
  }

  #isPort(port: PolicyPort): boolean {
    const { protocol, port: number } = this.#flow;
    if (protocol === undefined || (port.protocol ?? protocol) !== protocol) return false;
    if (port.kind === 'any') return true;
    if (number === undefined) return false;
    if (port.kind === 'range') return number >= port.first && number <= port.last;
    return this.#portPods
      .flatMap(({ ports }) => ports)
      .some((named) => named.name === port.name && named.protocol === protocol && named.port === number);
  }
}
