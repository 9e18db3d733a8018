/** Ports of a pod's containers that have names, out of its spec: policies may mean them by these. */
import { isPodPort, type PodPort } from '../directory/pod-port.ts';

/** Named ports of one pod: more are not kept. Its other nodes take fewer: see `directory/limits.ts`. */
export const MAX_NAMED_PORTS = 256;

/** What of a `spec` (PodSpec of k8s.io/api/core/v1) has ports. Anything may be in it. */
export interface PodContainers {
  readonly containers?: unknown;
  readonly initContainers?: unknown;
}

/** Named ports of a pod. */
export interface NamedPorts {
  readonly ports: readonly PodPort[];
  /** It has, or may have, others than these. */
  readonly hasMorePorts: boolean;
}

/**
 * In the order of the spec, each once. What is no port is passed over: a pod is no less a pod for it.
 *
 * Init containers count if they go on beside the others, which `restartPolicy: Always` says (sidecars).
 */
export function namedPortsOf({ containers, initContainers }: PodContainers): NamedPorts {
  const sidecars = listOf(initContainers).filter((one) => fieldOf(one, 'restartPolicy') === 'Always');
  const found = new Map<string, PodPort>();
  for (const container of [...listOf(containers), ...sidecars]) {
    for (const entry of listOf(fieldOf(container, 'ports'))) {
      const port = {
        name: fieldOf(entry, 'name'),
        // Kubernetes: TCP, if nothing is said.
        protocol: fieldOf(entry, 'protocol') ?? 'TCP',
        port: fieldOf(entry, 'containerPort'),
      };
      if (isPodPort(port) && found.size <= MAX_NAMED_PORTS)
        found.set(`${port.name} ${port.protocol} ${port.port}`, port);
    }
  }
  return { ports: [...found.values()].slice(0, MAX_NAMED_PORTS), hasMorePorts: found.size > MAX_NAMED_PORTS };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}
