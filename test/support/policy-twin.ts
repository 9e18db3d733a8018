/**
 * What the documentation says of NetworkPolicy (kubernetes.io, Network Policies; k8s.io/api, networking/v1) and ClusterNetworkPolicy
 * (network-policy-api v0.3.0), written down once more from the objects themselves, as slow and as plain as can be.
 */
import ipaddr from 'ipaddr.js';
import type { ClusterFacts, PolicyNode, PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { Flow } from '../../src/policy/verdict.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import type { PolicyObject } from './random-policies.ts';

// eslint-disable-next-line typescript/no-explicit-any -- objects of the API, that the twin takes as they are
type Any = any;

export interface TwinVerdict {
  readonly isAllowed: boolean;
  /** The rule, or who isolates; empty: neither. */
  readonly why: string;
  /** The same of what only tells. */
  readonly audited: readonly string[];
}

type Side = 'ingress' | 'egress';

export function twinVerdict(
  flow: Flow,
  side: Side,
  policies: readonly PolicyObject[],
  facts: ClusterFacts,
): TwinVerdict {
  const source = formatIpAddress(flow.source);
  const destination = formatIpAddress(flow.destination);
  const [mine, theirs] = side === 'ingress' ? [destination, source] : [source, destination];
  const results = podsOf(mine, facts).map((pod) => judge(pod, theirs, flow, side, policies as readonly Any[], facts));
  return results.find((one) => !one.isAllowed) ?? results[0] ?? { isAllowed: true, why: '', audited: [] };
}

function judge(pod: PolicyPod, other: string, flow: Flow, side: Side, policies: readonly Any[], facts: ClusterFacts) {
  const audited: string[] = [];
  const allow = (why = ''): TwinVerdict => ({ isAllowed: true, why, audited });
  const deny = (why: string): TwinVerdict => ({ isAllowed: false, why, audited });
  if (texts(pod.addresses).includes(other)) return allow();
  if ([...facts.nodes].some((node) => node.name === pod.nodeName && addressesOf(node).includes(other))) return allow();

  const isAudit = (policy: Any) => policy.metadata.annotations['weft.dev/policy-mode'] === 'audit';
  const about = policies.filter((policy) => isAbout(policy, pod, facts));
  const world = { pod, other, flow, side, facts };

  const tier = (name: string): TwinVerdict | 'next' => {
    const ones = about.filter(({ spec }) => spec.tier === name);
    ones.sort((a, b) => a.spec.priority - b.spec.priority || (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const policy of ones) {
      for (const [index, rule] of policy.spec[side].entries()) {
        const { action, places } = clusterMatch(rule, world);
        const title = rule.name === '' ? '' : ` (${rule.name})`;
        const whys = places.map((place) => `${policy.metadata.name} ${side}[${index}]${place}${title}`);
        if (whys.length === 0) continue;
        if (action === 'Pass') return 'next';
        if (action === 'Accept') return allow(whys[0]);
        if (!isAudit(policy)) return deny(whys[0]!);
        // Each entry that matches is told.
        audited.push(...whys);
      }
    }
    return 'next';
  };

  const admin = tier('Admin');
  if (admin !== 'next') return admin;

  const isolating = about.filter(({ kind, spec }) => kind === 'NetworkPolicy' && typesOf(spec).includes(side));
  isolating.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const policy of isolating) {
    for (const [index, rule] of policy.spec[side].entries()) {
      const place = ruleMatch(rule, policy.metadata.namespace, world);
      if (place !== undefined)
        return allow(`${policy.metadata.namespace}/${policy.metadata.name} ${side}[${index}]${place}`);
    }
  }
  if (isolating.length > 0) {
    const names = isolating.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const why = `isolated by ${names.join(', ')}, no rule matches`;
    if (!isolating.every(isAudit)) return deny(why);
    audited.push(why);
  }

  const baseline = tier('Baseline');
  return baseline === 'next' ? allow() : baseline;
}

interface World {
  readonly pod: PolicyPod;
  readonly other: string;
  readonly flow: Flow;
  readonly side: Side;
  readonly facts: ClusterFacts;
}

function isAbout({ kind, metadata, spec }: Any, pod: PolicyPod, facts: ClusterFacts): boolean {
  if (kind === 'NetworkPolicy') return metadata.namespace === pod.namespace && isSelected(spec.podSelector, pod.labels);
  return isClusterSelected(spec.subject, pod, facts);
}

function typesOf(spec: Any): readonly string[] {
  if (spec.policyTypes !== undefined) return spec.policyTypes.map((type: string) => type.toLowerCase());
  return spec.egress.length > 0 ? ['ingress', 'egress'] : ['ingress'];
}

/** Where the first peer stands that matches; `undefined`: the rule does not. */
function ruleMatch(rule: Any, namespace: string, world: World): string | undefined {
  if (
    rule.ports.length > 0 &&
    !rule.ports.some((port: Any) => isPort(port.protocol ?? 'TCP', port.port, port.endPort, world))
  )
    return undefined;
  const field = world.side === 'ingress' ? 'from' : 'to';
  if (rule[field].length === 0) return '';
  const at = rule[field].findIndex((peer: Any) => isPeer(peer, namespace, world));
  return at === -1 ? undefined : `.${field}[${at}]`;
}

function isPeer(peer: Any, namespace: string, { other, facts }: World): boolean {
  if (peer.ipBlock !== undefined) return isInBlock(peer.ipBlock.cidr, peer.ipBlock.except, other, facts);
  return podsOf(other, facts).some((pod) => {
    const isThere =
      peer.namespaceSelector === undefined
        ? pod.namespace === namespace
        : isSelected(peer.namespaceSelector, namespaceLabels(pod.namespace, facts));
    return isThere && (peer.podSelector === undefined || isSelected(peer.podSelector, pod.labels));
  });
}

interface ClusterMatch {
  readonly action: string;
  /** Where the peers stand that match; none: the rule does not. */
  readonly places: readonly string[];
}

function clusterMatch(rule: Any, world: World): ClusterMatch {
  const field = world.side === 'ingress' ? 'from' : 'to';
  const isStrange =
    rule[field].some((peer: Any) => 'domainNames' in peer) || rule.protocols?.some((one: Any) => 'icmp' in one);
  if (isStrange) return rule.action === 'Accept' ? { action: 'Accept', places: [] } : { action: 'Deny', places: [''] };
  const { action } = rule;
  if (rule.protocols !== undefined && !rule.protocols.some((one: Any) => isProtocol(one, world)))
    return { action, places: [] };
  const nodes = [...world.facts.nodes].filter((node) => addressesOf(node).includes(world.other));
  const pods = podsOf(world.other, world.facts);
  const places: string[] = [];
  for (const [at, peer] of rule[field].entries()) {
    const place = `.${field}[${at}]`;
    const isNode = peer.nodes !== undefined && nodes.some(({ labels }) => isSelected(peer.nodes, labels));
    if (isNode || pods.some((pod) => isClusterSelected(peer, pod, world.facts))) places.push(place);
    for (const [number, cidr] of (peer.networks ?? []).entries())
      if (isInBlock(cidr, [], world.other, world.facts)) places.push(`${place}.networks[${number}]`);
  }
  return { action, places };
}

function isClusterSelected({ namespaces, pods }: Any, pod: PolicyPod, facts: ClusterFacts): boolean {
  const labels = namespaceLabels(pod.namespace, facts);
  if (namespaces !== undefined) return isSelected(namespaces, labels);
  if (pods === undefined) return false;
  return isSelected(pods.namespaceSelector, labels) && isSelected(pods.podSelector, pod.labels);
}

function isProtocol(one: Any, world: World): boolean {
  if (one.destinationNamedPort !== undefined)
    return isPort(world.flow.protocol, one.destinationNamedPort, undefined, world);
  const [[name, { destinationPort }]] = Object.entries<Any>(one) as [[string, Any]];
  const { number, range } = destinationPort ?? {};
  return isPort(name.toUpperCase(), number ?? range?.start, range?.end, world);
}

function isPort(
  protocol: string | undefined,
  port: string | number | undefined,
  end: number | undefined,
  world: World,
) {
  const { flow, facts, side, pod } = world;
  if (flow.protocol === undefined || flow.protocol !== protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return flow.port! >= port && flow.port! <= (end ?? port);
  const owners = side === 'ingress' ? [pod] : podsOf(world.other, facts);
  return owners.some(({ ports }) =>
    ports.some((one) => one.name === port && one.protocol === protocol && one.port === flow.port),
  );
}

function isInBlock(cidr: string, except: readonly string[], other: string, facts: ClusterFacts): boolean {
  const isIn = (address: string) => isInCidr(address, cidr) && !except.some((one) => isInCidr(address, one));
  const nodes = [...facts.nodes].filter((node) => texts(node.overlayAddresses).includes(other));
  return isIn(other) || nodes.some((node) => texts(node.underlayAddresses).some(isIn));
}

function isInCidr(address: string, cidr: string): boolean {
  const [one, [prefix, length]] = [ipaddr.parse(address), ipaddr.parseCIDR(cidr)];
  return one.kind() === prefix.kind() && one.match(prefix, length);
}

function isSelected(selector: Any, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (operator === 'In' && !(key in labels && values.includes(labels[key]))) return false;
    if (operator === 'NotIn' && key in labels && values.includes(labels[key])) return false;
    if (operator === 'Exists' && !(key in labels)) return false;
    if (operator === 'DoesNotExist' && key in labels) return false;
  }
  return true;
}

function namespaceLabels(name: string, facts: ClusterFacts): Readonly<Record<string, string>> {
  const known = [...facts.namespaces].find((namespace) => namespace.name === name);
  return { ...known?.labels, 'kubernetes.io/metadata.name': name };
}

function podsOf(address: string, facts: ClusterFacts): PolicyPod[] {
  return [...facts.pods].filter((pod) => !pod.hostNetwork && texts(pod.addresses).includes(address));
}

function addressesOf(node: PolicyNode): string[] {
  return texts([...node.underlayAddresses, ...node.overlayAddresses]);
}

function texts(addresses: PolicyPod['addresses']): string[] {
  return addresses.map(formatIpAddress);
}
