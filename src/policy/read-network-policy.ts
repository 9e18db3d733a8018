/**
 * NetworkPolicy (networking.k8s.io/v1, k8s.io/api): its defaults, and what is wrong with one, are those of the API server of Kubernetes 1.34
 * (k8s.io/kubernetes, pkg/apis/networking).
 */
import { type Prefix, prefixCovers } from '../wire/prefix.ts';
import { problemsOfPortName, problemsOfPortNumber } from './name-syntax.ts';
import { ObjectValue } from './object-value.ts';
import {
  type Direction,
  directions,
  type Policy,
  type PolicyPeer,
  type PolicyPort,
  type PolicyProtocol,
  type PolicyRule,
} from './policy.ts';
import { type PolicyReading, readingOf } from './policy-reading.ts';
import { readLabelSelector } from './read-label-selector.ts';
import { readPolicyMetadata } from './read-policy-metadata.ts';
import { readPrefix } from './read-prefix.ts';

const protocols = ['TCP', 'UDP', 'SCTP'] as const satisfies readonly PolicyProtocol[];

/** Each takes as many prefixes as a prefix has bits, at most. */
const MAX_EXCEPTIONS = 256;

/** Reads a NetworkPolicy of JSON or YAML. Without a namespace, it is one of namespace `default`. */
export function readNetworkPolicy(object: unknown): PolicyReading {
  const whole = new ObjectValue(object);
  whole.allow(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  const { namespace, name, isAudit } = readPolicyMetadata(whole, true);
  const spec = whole.field('spec');
  spec.allow(['podSelector', 'ingress', 'egress', 'policyTypes']);
  const ingress = readRules(spec.field('ingress'), 'from', namespace);
  const egress = readRules(spec.field('egress'), 'to', namespace);
  const policy: Policy = {
    tier: 'namespace',
    priority: 0,
    namespace,
    name,
    subject: { namespaces: namespace, pods: readLabelSelector(spec.field('podSelector')) },
    directions: readDirections(spec.field('policyTypes'), egress.length > 0),
    ingress,
    egress,
    isAudit,
  };
  return readingOf(policy, whole.problems, []);
}

function readDirections(types: ObjectValue, hasEgressRules: boolean): readonly Direction[] {
  const named = types.entries().map((type) => type.oneOf(['Ingress', 'Egress']));
  if (named.length > 2) types.invalid('may not specify more than two policyTypes');
  const isIngress = named.length === 0 || named.includes('Ingress');
  const isEgress = named.length === 0 ? hasEgressRules : named.includes('Egress');
  return directions.filter((direction) => (direction === 'ingress' ? isIngress : isEgress));
}

/** One rule per entry of the list of peers, which is called `from` or `to`. Without any, one rule for everybody. */
function readRules(list: ObjectValue, peersField: 'from' | 'to', namespace: string): readonly PolicyRule[] {
  const place = list.path.slice('spec.'.length);
  return list.entries().flatMap((rule, index) => {
    rule.allow([peersField, 'ports']);
    const portList = rule.field('ports').entries().map(readPort);
    const ports = portList.length === 0 ? undefined : portList;
    const peers = rule.field(peersField).entries();
    const common = { title: '', action: 'allow' as const, ports };
    if (peers.length === 0) return [{ ...common, place: `${place}[${index}]`, peer: { kind: 'all' as const } }];
    return peers.map((peer, at) => ({
      ...common,
      place: `${place}[${index}].${peersField}[${at}]`,
      peer: readPeer(peer, namespace),
    }));
  });
}

function readPeer(peer: ObjectValue, namespace: string): PolicyPeer {
  peer.allow(['podSelector', 'namespaceSelector', 'ipBlock']);
  const [pods, namespaces, block] = [peer.field('podSelector'), peer.field('namespaceSelector'), peer.field('ipBlock')];
  const isSelecting = pods.isSet || namespaces.isSet;
  const selected: PolicyPeer = {
    kind: 'pods',
    pods: { namespaces: namespaces.isSet ? readLabelSelector(namespaces) : namespace, pods: readLabelSelector(pods) },
  };
  if (!isSelecting && !block.isSet) peer.required('must specify a peer');
  if (!block.isSet) return selected;
  const blocked = readBlock(block);
  if (isSelecting) peer.forbidden('may not specify both ipBlock and another peer');
  return blocked;
}

function readBlock(block: ObjectValue): PolicyPeer {
  block.allow(['cidr', 'except']);
  const cidr = block.field('cidr');
  if ((cidr.text() ?? '') === '') cidr.required('');
  const prefix = readCidr(cidr);
  const except = block
    .field('except')
    .entries(MAX_EXCEPTIONS)
    .map((entry) => readException(entry, prefix))
    .filter((exception) => exception !== undefined);
  return prefix === undefined ? { kind: 'none' } : { kind: 'block', prefix, except };
}

function readException(entry: ObjectValue, prefix: Prefix | undefined): Prefix | undefined {
  const exception = readCidr(entry);
  if (prefix === undefined || exception === undefined) return exception;
  const isStrictSubset = prefixCovers(prefix, exception) && exception.lengthBits > prefix.lengthBits;
  if (!isStrictSubset) entry.invalid('must be a strict subset of `cidr`');
  return exception;
}

function readCidr(value: ObjectValue): Prefix | undefined {
  const text = value.text() ?? '';
  const prefix = readPrefix(text);
  if (prefix === undefined && text !== '')
    value.invalid('must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
  return prefix;
}

function readPort(entry: ObjectValue): PolicyPort {
  entry.allow(['protocol', 'port', 'endPort']);
  const protocol = (entry.field('protocol').isSet ? entry.field('protocol').oneOf(protocols) : undefined) ?? 'TCP';
  const [port, endPort] = [entry.field('port'), entry.field('endPort')];
  const last = endPort.integer();
  if (!port.isSet) {
    if (endPort.isSet) endPort.invalid('may not be specified when `port` is not specified');
    return { protocol, kind: 'any' };
  }
  if (typeof port.value !== 'number') {
    const name = port.text() ?? '';
    if (endPort.isSet) endPort.invalid('may not be specified when `port` is non-numeric');
    for (const problem of problemsOfPortName(name)) port.invalid(problem);
    return { protocol, kind: 'name', name };
  }
  const first = port.integer();
  if (first === undefined) return { protocol, kind: 'any' };
  for (const problem of problemsOfPortNumber(first)) port.invalid(problem);
  if (last === undefined) return { protocol, kind: 'range', first, last: first };
  // The API server shows the value of the other field here.
  if (last < first) endPort.invalid('must be greater than or equal to `port`', first);
  for (const problem of problemsOfPortNumber(last)) endPort.invalid(problem);
  return { protocol, kind: 'range', first, last };
}
