/** Policies of whatever kind, from objects that say which they are. */
import { ObjectValue } from './object-value.ts';
import type { PolicyReading } from './policy-reading.ts';
import { readClusterNetworkPolicy } from './read-cluster-network-policy.ts';
import { readNetworkPolicy } from './read-network-policy.ts';

/** `apiVersion` and `kind` -> how it is read. */
const kinds: Readonly<Record<string, (object: unknown) => PolicyReading>> = {
  'networking.k8s.io/v1 NetworkPolicy': readNetworkPolicy,
  'policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy': readClusterNetworkPolicy,
  'policy.networking.k8s.io/v1beta1 ClusterNetworkPolicy': readClusterNetworkPolicy,
};

/** Reads an object of a file. Entries of lists that the API gives do not say their kind: whoever asked for them knows it. */
export function readPolicy(object: unknown): PolicyReading {
  const whole = new ObjectValue(object);
  const [version, kind] = ['apiVersion', 'kind'].map((name) => whole.field(name).text() ?? '');
  const title = `${version} ${kind}`;
  if (Object.hasOwn(kinds, title)) return kinds[title]!(object);
  return {
    policy: undefined,
    problems: [`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(version)}`],
  };
}
