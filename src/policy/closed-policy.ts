/**
 * What is enforced in place of a policy that cannot be read: whoever wrote it wanted to deny something, so it denies all, for those that it is
 * about. Whether it was meant to deny is not known then, so that its audit mode holds where it can be read.
 */
import { problemsOfName, problemsOfDnsLabel } from './name-syntax.ts';
import { ObjectValue } from './object-value.ts';
import { directions, type PodSelector, type Policy, type PolicyRule } from './policy.ts';
import { readClusterSubject } from './read-cluster-network-policy.ts';
import { readLabelSelector } from './read-label-selector.ts';
import { type PolicyMetadata, readPolicyMetadata } from './read-policy-metadata.ts';

/** Of a NetworkPolicy: its pods, or all of its namespace, are isolated. `undefined`: not even its name can be read. */
export function closedNetworkPolicy(object: unknown): Policy | undefined {
  const named = readNamed(object, true);
  if (named === undefined) return undefined;
  const { namespace } = named;
  const selector = new ObjectValue(object).field('spec').field('podSelector').alone();
  const pods = readLabelSelector(selector);
  const subject = { namespaces: namespace, pods: selector.problems.length === 0 ? pods : [] };
  return { ...named, tier: 'namespace', priority: 0, subject, directions, ingress: [], egress: [] };
}

/** Of a ClusterNetworkPolicy: its pods, or all of the cluster, are denied everything before anything else is asked. */
export function closedClusterNetworkPolicy(object: unknown): Policy | undefined {
  const named = readNamed(object, false);
  if (named === undefined) return undefined;
  const value = new ObjectValue(object).field('spec').field('subject').alone();
  const subject: PodSelector = readClusterSubject(value);
  return {
    ...named,
    tier: 'admin',
    priority: 0,
    subject: value.problems.length === 0 ? subject : { namespaces: [], pods: [] },
    directions,
    ingress: [denyAll('ingress')],
    egress: [denyAll('egress')],
  };
}

function readNamed(object: unknown, isNamespaced: boolean): PolicyMetadata | undefined {
  const metadata = readPolicyMetadata(new ObjectValue(object), isNamespaced);
  const ofNamespace = isNamespaced ? problemsOfDnsLabel(metadata.namespace) : [];
  return [...problemsOfName(metadata.name), ...ofNamespace].length === 0 ? metadata : undefined;
}

function denyAll(place: string): PolicyRule {
  return { place, title: '', action: 'deny', peer: { kind: 'all' }, ports: undefined };
}
