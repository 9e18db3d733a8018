/**
 * A Service that was given at a node of a later version, and that this one cannot read: nobody is sent to it here, but what the cluster assigned
 * to it is not given to others.
 */
import { isObject } from '../policy/object-value.ts';
import { readAddress } from '../policy/read-prefix.ts';
import { readService } from './read-service.ts';
import type { ServiceRecord } from './service-record.ts';
import type { ServiceProtocol } from './service.ts';

export interface UnreadableService {
  /** Why: the first of several problems, in the words of the Kubernetes API server. */
  readonly problem: string;
  /** A service of its name, with the addresses and node ports that could be read. */
  readonly holder: ServiceRecord;
}

/** Of what any Service may have at most: others are not looked for. */
const MAX_ADDRESSES = 2;
const MAX_INGRESS = 64;
const MAX_PORTS = 1_024;

const LAST_PORT = 65_535;

/** `undefined`: it can be read. @param name and namespace of the entry, whatever the object says */
export function unreadableService(
  { namespace, name }: Pick<ServiceRecord, 'namespace' | 'name'>,
  object: unknown,
): UnreadableService | undefined {
  const reading = readService(object);
  if (reading.service !== undefined) return undefined;
  const plain = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'plain' }, spec: { ports: [{ port: 1 }] } };
  const { service } = readService(plain) as { readonly service: ServiceRecord };
  const spec = fieldOf(object, 'spec');
  const holder = {
    ...service,
    namespace,
    name,
    clusterAddresses: addressesIn(spec),
    loadBalancerAddresses: ingressIn(fieldOf(object, 'status')),
    ports: nodePortsIn(spec),
  };
  return { problem: reading.problems[0]!, holder };
}

function addressesIn(spec: unknown): ServiceRecord['clusterAddresses'] {
  const texts = [...listOf(fieldOf(spec, 'clusterIPs'), MAX_ADDRESSES), fieldOf(spec, 'clusterIP')];
  const known = [...new Set(texts)].filter((text) => typeof text === 'string');
  return known.flatMap((text) => readAddress(text) ?? []);
}

function ingressIn(status: unknown): ServiceRecord['loadBalancerAddresses'] {
  return listOf(fieldOf(fieldOf(status, 'loadBalancer'), 'ingress'), MAX_INGRESS).flatMap((entry) => {
    const text = fieldOf(entry, 'ip');
    return typeof text === 'string' ? (readAddress(text) ?? []) : [];
  });
}

function nodePortsIn(spec: unknown): ServiceRecord['ports'] {
  return listOf(fieldOf(spec, 'ports'), MAX_PORTS).flatMap((port, index) => {
    const nodePort = fieldOf(port, 'nodePort');
    if (!Number.isInteger(nodePort) || (nodePort as number) < 1 || (nodePort as number) > LAST_PORT) return [];
    const protocol = (fieldOf(port, 'protocol') ?? 'TCP') as ServiceProtocol;
    return { name: `p${index}`, protocol, port: 1, targetPort: 1, nodePort: nodePort as number };
  });
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function listOf(value: unknown, most: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}
