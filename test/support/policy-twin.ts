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

  const closing = pod.labels === undefined ? closings(pod, policies, facts)[0] : undefined;
  if (closing !== undefined)
    return deny(`the labels of ${pod.namespace}/${pod.name} are not known yet, and ${titleOf(closing)} may select it`);

  const about = policies.filter((policy) => isAbout(policy, pod, facts));
  const world = { pod, other, flow, side, facts };

  const tier = (name: string): TwinVerdict | 'next' => {
    const ones = about.filter(({ spec }) => spec.tier === name);
    ones.sort((a, b) => a.spec.priority - b.spec.priority || (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const policy of ones) {
      for (const [index, rule] of policy.spec[side].entries()) {
        const action = actionOf(rule);
        const title = rule.name === '' ? '' : ` (${rule.name})`;
        for (const { place, unsure } of clusterPlaces(rule, world)) {
          const isSure = unsure === undefined;
          const why = `${policy.metadata.name} ${side}[${index}]${place}${isSure ? '' : ` (${unsure}-unknown)`}${title}`;
          if (action === 'Accept' && isSure) return allow(why);
          if (action === 'Pass') return isSure ? 'next' : deny(why);
          if (action === 'Deny' && !isAudit(policy)) return deny(why);
          // Each entry that matches is told.
          if (action === 'Deny') audited.push(why);
        }
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

function isAudit(policy: Any): boolean {
  return policy.metadata.annotations['weft.dev/policy-mode'] === 'audit';
}

function titleOf({ kind, metadata }: Any): string {
  return kind === 'NetworkPolicy' ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

/** Because of these, a pod is isolated whose labels nobody knows. */
function closings(pod: PolicyPod, policies: readonly Any[], facts: ClusterFacts): Any[] {
  const all = policies.filter((policy) => {
    const { kind, metadata, spec } = policy;
    if (kind === 'NetworkPolicy') return metadata.namespace === pod.namespace && !isAudit(policy);
    const actions = [...spec.ingress, ...spec.egress].map(actionOf);
    const isHarmful = actions.includes('Pass') || (actions.includes('Deny') && !isAudit(policy));
    return isClusterSelected(spec.subject, pod, facts) === 'maybe' && isHarmful;
  });
  const key = (one: Any) => [one.spec.priority ?? 0, titleOf(one)] as const;
  return all.sort((a, b) => key(a)[0] - key(b)[0] || (key(a)[1] < key(b)[1] ? -1 : 1));
}

function isAbout({ kind, metadata, spec }: Any, pod: PolicyPod, facts: ClusterFacts): boolean {
  if (kind === 'NetworkPolicy')
    return metadata.namespace === pod.namespace && isSelected(spec.podSelector, pod.labels) === true;
  return isClusterSelected(spec.subject, pod, facts) === true;
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
        : isSelected(peer.namespaceSelector, namespaceLabels(pod.namespace, facts)) === true;
    return isThere && (peer.podSelector === undefined || isSelected(peer.podSelector, pod.labels) === true);
  });
}

function isStrange(rule: Any): boolean {
  const peers = [...(rule.from ?? []), ...(rule.to ?? [])];
  return peers.some((peer: Any) => 'domainNames' in peer) || rule.protocols?.some((one: Any) => 'icmp' in one);
}

function actionOf(rule: Any): string {
  return isStrange(rule) && rule.action !== 'Accept' ? 'Deny' : rule.action;
}

interface Place {
  readonly place: string;
  /** What would have to be known to be sure. */
  readonly unsure: 'labels' | 'ports' | undefined;
}

/** Where the peers stand that match, or may if labels or ports were known; none: the rule does not. */
function clusterPlaces(rule: Any, world: World): Place[] {
  const field = world.side === 'ingress' ? 'from' : 'to';
  if (isStrange(rule)) return rule.action === 'Accept' ? [] : [{ place: '', unsure: undefined }];
  const isPort = rule.protocols === undefined || rule.protocols.some((one: Any) => isProtocol(one, world));
  const mayBePort = rule.protocols?.some((one: Any) => mayBeProtocol(one, world)) === true;
  if (!isPort && !mayBePort) return [];
  const certainly = [...(isPort ? [undefined] : []), ...(mayBePort ? (['ports'] as const) : [])];
  const nodes = [...world.facts.nodes].filter((node) => addressesOf(node).includes(world.other));
  const pods = podsOf(world.other, world.facts);
  const places: Place[] = [];
  for (const [at, peer] of rule[field].entries()) {
    const place = `.${field}[${at}]`;
    const isNode = peer.nodes !== undefined && nodes.some(({ labels }) => isSelected(peer.nodes, labels) === true);
    const answers = pods.map((pod) => isClusterSelected(peer, pod, world.facts));
    if (isNode || answers.includes(true)) places.push(...certainly.map((unsure) => ({ place, unsure })));
    else if (answers.includes('maybe')) places.push({ place, unsure: 'labels' });
    for (const [number, cidr] of (peer.networks ?? []).entries())
      if (isInBlock(cidr, [], world.other, world.facts))
        places.push(...certainly.map((unsure) => ({ place: `${place}.networks[${number}]`, unsure })));
  }
  return places;
}

function isClusterSelected({ namespaces, pods }: Any, pod: PolicyPod, facts: ClusterFacts): Answer {
  const labels = namespaceLabels(pod.namespace, facts);
  if (namespaces !== undefined) return isSelected(namespaces, labels);
  if (pods === undefined) return false;
  if (isSelected(pods.namespaceSelector, labels) !== true) return false;
  return isSelected(pods.podSelector, pod.labels);
}

function isProtocol(one: Any, world: World): boolean {
  if (one.destinationNamedPort !== undefined)
    return isPort(world.flow.protocol, one.destinationNamedPort, undefined, world);
  const [[name, { destinationPort }]] = Object.entries<Any>(one) as [[string, Any]];
  const { number, range } = destinationPort ?? {};
  return isPort(name.toUpperCase(), number ?? range?.start, range?.end, world);
}

/** A name may stand for any port of a pod of which not all ports are known. */
function mayBeProtocol(one: Any, { flow, facts, side, pod, other }: World): boolean {
  const owners = side === 'ingress' ? [pod] : podsOf(other, facts);
  return (
    one.destinationNamedPort !== undefined && flow.port !== undefined && owners.some((owner) => owner.hasMorePorts)
  );
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

/** `maybe`: labels say it, and nobody knows them. */
type Answer = boolean | 'maybe';

function isSelected(selector: Any, labels: Readonly<Record<string, string>> | undefined): Answer {
  if (labels === undefined) {
    const { matchLabels = {}, matchExpressions = [] } = selector;
    return Object.keys(matchLabels).length + matchExpressions.length === 0 ? true : 'maybe';
  }
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
