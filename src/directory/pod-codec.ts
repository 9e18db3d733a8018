/** Pods <-> bytes (`proto/weft/v1/directory.proto`), and the one door that checks them. */
import { checkFieldLimits, type FieldLimits } from '../membership/field-limits.ts';
import { weft } from '../membership/generated/weft.js';
import type { DirectoryPod } from './directory-pod.ts';
import {
  MAX_LABEL_KEY_BYTES,
  MAX_LABEL_VALUE_BYTES,
  MAX_POD_ADDRESSES,
  MAX_POD_BYTES,
  MAX_POD_NAME_BYTES,
  MAX_POD_PORTS,
} from './limits.ts';
import { MAX_LABELS, problemOfLabels } from './pod-labels.ts';
import { DEFAULT_NAMESPACE, isDnsLabel, MAX_DNS_LABEL_LENGTH } from './pod-name.ts';
import { comparePodPorts, isPodPort, MAX_PORT_NAME_LENGTH, type PodPort, podProtocols } from './pod-port.ts';

const labelLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_LABEL_KEY_BYTES },
  2: { maxCount: 1, maxBytes: MAX_LABEL_VALUE_BYTES },
};
const portLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_PORT_NAME_LENGTH },
  2: { maxCount: 1, maxBytes: 0 },
  3: { maxCount: 1, maxBytes: 0 },
};
const podLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_DNS_LABEL_LENGTH },
  2: { maxCount: 1, maxBytes: MAX_POD_NAME_BYTES },
  3: { maxCount: MAX_POD_ADDRESSES, maxBytes: 16 },
  4: { maxCount: MAX_LABELS, maxBytes: MAX_LABEL_KEY_BYTES + MAX_LABEL_VALUE_BYTES + 16, fields: labelLimits },
  5: { maxCount: 1, maxBytes: 0 },
  6: { maxCount: MAX_POD_PORTS, maxBytes: MAX_PORT_NAME_LENGTH + 16, fields: portLimits },
  7: { maxCount: 1, maxBytes: 0 },
  8: { maxCount: 1, maxBytes: 0 },
};

/** Names end up in terminals, logs and metrics: no spaces, no control characters, no look-alikes. A slash is between names. */
const printableName = /^[\u0021-\u002e\u0030-\u007e]+$/;

/** What is wrong with this pod, so that others would refuse it: completes "pod web: …". `undefined`: nothing. */
export function problemOfPod(pod: DirectoryPod): string | undefined {
  const problem = problemOfFields(pod);
  if (problem !== undefined) return problem;
  const { length } = encodePod(pod);
  if (length <= MAX_POD_BYTES) return undefined;
  return `its name, addresses, labels and ports take ${length} bytes, more than ${MAX_POD_BYTES}`;
}

function problemOfFields({ name, namespace, addresses, labels, ports }: DirectoryPod): string | undefined {
  if (name.length > MAX_POD_NAME_BYTES) return `its name has more than ${MAX_POD_NAME_BYTES} characters`;
  if (!printableName.test(name)) return 'its name has other characters than printable ASCII, or a slash';
  if (!isDnsLabel(namespace)) return `its namespace ${namespace} is no DNS label`;
  if (addresses.length > MAX_POD_ADDRESSES) return `it has more than ${MAX_POD_ADDRESSES} addresses`;
  if (!addresses.every(({ family, bytes }) => bytes.length === (family === 4 ? 4 : 16)))
    return 'an address of it is neither IPv4 nor IPv6';
  if (ports.length > MAX_POD_PORTS) return `it has more than ${MAX_POD_PORTS} named ports`;
  if (!ports.every(isPodPort)) return 'a port of it has no name, protocol and number as in Kubernetes';
  if (new Set(ports.map(titleOf)).size < ports.length) return 'it has a port twice';
  const problem = problemOfLabels(labels);
  return problem && `its labels: ${problem}`;
}

function titleOf({ name, protocol, port }: PodPort): string {
  return `${name} ${protocol} ${port}`;
}

/** Encodes a pod: equal ones alike. */
export function encodePod(pod: DirectoryPod): Uint8Array {
  const { name, namespace, addresses, labels, hasMoreLabels, ports, hasMorePorts, isSuperseded } = pod;
  return Uint8Array.from(
    weft.v1.DirectoryPod.encode({
      name,
      ...(namespace !== DEFAULT_NAMESPACE && { namespace }),
      addresses: addresses.map(({ bytes }) => bytes),
      labels: Object.keys(labels)
        .sort()
        .map((key) => ({ key, ...(labels[key] !== '' && { value: labels[key]! }) })),
      ...(isSuperseded && { superseded: true }),
      ports: ports.toSorted(comparePodPorts).map(({ name: portName, protocol, port }) => ({
        name: portName,
        ...(protocol !== 'TCP' && { protocol: podProtocols.indexOf(protocol) }),
        port,
      })),
      ...(hasMoreLabels && { moreLabels: true }),
      ...(!hasMorePorts && { allPorts: true }),
    }).finish(),
  );
}

/** The pod in `bytes`; `undefined` if it is not within the limits, or not a pod. Holds on to nothing of `bytes`. */
export function parsePod(bytes: Uint8Array): DirectoryPod | undefined {
  if (bytes.length > MAX_POD_BYTES || checkFieldLimits(bytes, 0, bytes.length, podLimits) !== 'ok') return undefined;
  let raw: weft.v1.DirectoryPod;
  try {
    raw = weft.v1.DirectoryPod.decode(bytes);
  } catch {
    return undefined;
  }
  const pod: DirectoryPod = {
    name: raw.name,
    namespace: raw.namespace === '' ? DEFAULT_NAMESPACE : raw.namespace,
    addresses: raw.addresses.map((address) => ({
      family: address.length === 16 ? 6 : 4,
      bytes: Uint8Array.from(address),
    })),
    labels: Object.fromEntries(raw.labels.map(({ key, value }) => [key ?? '', value ?? ''])),
    hasMoreLabels: raw.moreLabels,
    ports: raw.ports.flatMap(({ name, protocol: number, port }) => {
      const protocol = podProtocols[number ?? 0];
      // A protocol of a later version is none that anybody here asks for.
      return protocol === undefined ? [] : { name: name ?? '', protocol, port: port ?? 0 };
    }),
    hasMorePorts: !raw.allPorts,
    isSuperseded: raw.superseded,
  };
  const isEachLabelOnce = Object.keys(pod.labels).length === raw.labels.length;
  return isEachLabelOnce && problemOfFields(pod) === undefined ? pod : undefined;
}
