/**
 * Which pods are backends of a service, written down once more as the documentation of Kubernetes has it (Service, "Services with
 * selectors" and "Port definitions"), pod by pod, as plain as can be.
 */
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { BackendSelection } from '../../src/services/selected-backends.ts';
import { formatIpAddress } from '../../src/wire/address.ts';

/** `http 10.244.1.1 8080 node1` of each, in order. */
export function twinBackends(selection: BackendSelection, pods: Iterable<PolicyPod>): readonly string[] {
  const labels = Object.entries(selection.selector ?? {});
  const found: string[] = [];
  for (const pod of pods) {
    if (labels.length === 0 || pod.hostNetwork || pod.namespace !== selection.namespace) continue;
    const { labels: has } = pod;
    if (has === undefined || labels.some(([key, value]) => has[key] !== value)) continue;
    for (const { name, protocol, targetPort } of selection.ports) {
      for (const address of pod.addresses) {
        const named = pod.ports.filter((port) => port.protocol === protocol && port.name === targetPort);
        const port = typeof targetPort === 'number' ? targetPort : named[0]?.port;
        if (port !== undefined) found.push(`${name} ${formatIpAddress(address)} ${port} ${pod.nodeName}`);
      }
    }
  }
  return found.sort();
}
