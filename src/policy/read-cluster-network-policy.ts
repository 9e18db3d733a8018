/**
 * ClusterNetworkPolicy (policy.networking.k8s.io, v1alpha2 and v1beta1, which are the same, of network-policy-api v0.3.0), without
 * `domainNames`. What is wrong with one is what its CustomResourceDefinition would say.
 *
 * A rule with a peer or a protocol that is not understood is one of a newer version. Its documentation wants then: an `Accept` matches
 * nothing, and a `Deny` or a `Pass` denies everything.
 */
import { parsePrefix } from '../wire/prefix.ts';
import { readLabelSelector } from './read-label-selector.ts';
import { ObjectValue } from './object-value.ts';
import type { Direction, Policy, PolicyPeer, PolicyPort, PolicyRule, PodSelector, RuleAction } from './policy.ts';
import { type PolicyReading, readingOf } from './policy-reading.ts';
import { readClusterPorts } from './read-cluster-ports.ts';
import { readPolicyMetadata } from './read-policy-metadata.ts';

const tierOf = { Admin: 'admin', Baseline: 'baseline' } as const;
const actionOf = { Accept: 'allow', Deny: 'deny', Pass: 'pass' } as const satisfies Record<string, RuleAction>;

const MAX_PRIORITY = 1_000;

/** Of what the author calls a rule. */
const MAX_TITLE_LENGTH = 100;

/** Rules of a direction, peers of a rule, and prefixes of a peer. */
const MAX_LISTED = 25;

/** What a peer may be, per direction. */
const peerKinds = {
  ingress: ['namespaces', 'pods'],
  egress: ['namespaces', 'pods', 'nodes', 'networks'],
} as const;

/** Reads a ClusterNetworkPolicy of JSON or YAML. */
export function readClusterNetworkPolicy(object: unknown): PolicyReading {
  const whole = new ObjectValue(object);
  whole.allow(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  const { name, isAudit } = readPolicyMetadata(whole, false);
  const spec = whole.field('spec');
  if (!spec.isSet) spec.required('');
  spec.allow(['tier', 'priority', 'subject', 'ingress', 'egress']);
  const warnings: string[] = [];
  const ingress = readRules(spec.field('ingress'), 'ingress', warnings);
  const egress = readRules(spec.field('egress'), 'egress', warnings);
  const policy: Policy = {
    tier: tierOf[spec.field('tier').oneOf(['Admin', 'Baseline']) ?? 'Admin'],
    priority: readPriority(spec.field('priority')),
    namespace: '',
    name,
    subject: readClusterSubject(spec.field('subject')),
    directions: [
      ...(ingress.length > 0 ? ['ingress' as const] : []),
      ...(egress.length > 0 ? ['egress' as const] : []),
    ],
    ingress,
    egress,
    isAudit,
  };
  return readingOf(policy, whole.problems, warnings);
}

function readPriority(priority: ObjectValue): number {
  if (!priority.isSet) priority.required('');
  return priority.integerWithin(0, MAX_PRIORITY);
}

/** Whom it is about. */
export function readClusterSubject(subject: ObjectValue): PodSelector {
  subject.allow(['namespaces', 'pods']);
  if (!subject.isSet) subject.required('');
  else subject.wantOneField();
  return readPods(subject);
}

/** Of a subject or a peer: pods by `namespaces`, or by `pods`. */
function readPods(value: ObjectValue): PodSelector {
  const pods = value.field('pods');
  if (!pods.isSet) return { namespaces: readLabelSelector(value.field('namespaces')), pods: [] };
  pods.allow(['namespaceSelector', 'podSelector']);
  if (!pods.field('podSelector').isSet) pods.field('podSelector').required('');
  return {
    namespaces: readLabelSelector(pods.field('namespaceSelector')),
    pods: readLabelSelector(pods.field('podSelector')),
  };
}

interface PlacedPeer {
  readonly place: string;
  readonly peer: PolicyPeer;
}

function readRules(list: ObjectValue, direction: Direction, warnings: string[]): readonly PolicyRule[] {
  return list
    .entries(MAX_LISTED)
    .flatMap((rule, index) => readRule(rule, `${direction}[${index}]`, direction, warnings));
}

function readRule(rule: ObjectValue, place: string, direction: Direction, warnings: string[]): readonly PolicyRule[] {
  const peersField = direction === 'ingress' ? 'from' : 'to';
  rule.allow(['name', 'action', peersField, 'protocols']);
  rule.field('name').wantLength(MAX_TITLE_LENGTH);
  const title = rule.field('name').text() ?? '';
  const action = actionOf[rule.field('action').oneOf(['Accept', 'Deny', 'Pass']) ?? 'Deny'];
  const protocols = rule.field('protocols');
  const ports = protocols.isSet ? readClusterPorts(protocols) : undefined;
  const hasUnknownPorts = protocols.isSet && ports === undefined;
  const list = rule.field(peersField);
  if (!list.isSet) list.required('');
  else list.wantEntry();
  const peers = list.entries(MAX_LISTED);
  const known = peers.map((peer, at) => readPeer(peer, `${place}.${peersField}[${at}]`, direction));
  checkNamedPorts(rule, known, ports);
  const unknown = peers.find((_, at) => known[at] === undefined) ?? (hasUnknownPorts ? protocols : undefined);
  if (unknown === undefined) return known.flatMap((ones = []) => ones.map((one) => ({ ...one, title, action, ports })));
  const effect = action === 'allow' ? 'nothing is accepted by this rule' : 'everything is denied by this rule';
  warnings.push(`${unknown.path}: not understood, so ${effect}`);
  return [failClosed(action, place, title)];
}

/** Only pods have ports with names. */
function checkNamedPorts(
  rule: ObjectValue,
  peers: readonly (readonly PlacedPeer[] | undefined)[],
  ports: readonly PolicyPort[] | undefined,
): void {
  const hasNames = ports?.some(({ kind }) => kind === 'name') === true;
  if (!hasNames || peers.flat().every((one) => one === undefined || one.peer.kind === 'pods')) return;
  rule.invalid(
    'networks/nodes/domainNames peer cannot be set with namedPorts since there are no namedPorts for networks/nodes/domainNames',
  );
}

function failClosed(action: RuleAction, place: string, title: string): PolicyRule {
  const isAllow = action === 'allow';
  return {
    place,
    title,
    action: isAllow ? 'allow' : 'deny',
    peer: { kind: isAllow ? 'none' : 'all' },
    ports: undefined,
  };
}

/** Several for one entry of several prefixes; `undefined`: it is not understood. */
function readPeer(peer: ObjectValue, place: string, direction: Direction): readonly PlacedPeer[] | undefined {
  const names = peer.names();
  const kinds: readonly string[] = peerKinds[direction];
  if (names.length === 0 || names.some((name) => !kinds.includes(name))) return undefined;
  peer.wantOneField();
  const networks = peer.field('networks');
  if (names[0] === 'networks') {
    networks.wantEntry();
    return networks
      .entries(MAX_LISTED)
      .map((network, at) => ({ place: `${place}.networks[${at}]`, peer: readNetwork(network) }));
  }
  if (names[0] === 'nodes') return [{ place, peer: { kind: 'nodes', nodes: readLabelSelector(peer.field('nodes')) } }];
  return [{ place, peer: { kind: 'pods', pods: readPods(peer) } }];
}

function readNetwork(network: ObjectValue): PolicyPeer {
  const prefix = parsePrefix(network.text() ?? '');
  if (prefix !== undefined) return { kind: 'block', prefix, except: [] };
  network.invalid('Invalid CIDR format provided');
  return { kind: 'none' };
}
