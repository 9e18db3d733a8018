/** To which backends of a port the packets of one node go. As kube-proxy of Kubernetes 1.34 has it (pkg/proxy/topology.go). */
import type { Backend } from './service.ts';

/** The node that translates. */
export interface ServiceNode {
  readonly name: string;
  /** `topology.kubernetes.io/zone`; empty: none. */
  readonly zone: string;
}

export interface ReachableBackends {
  /** Of whatever node. */
  readonly cluster: readonly Backend[];
  /** Of this node. */
  readonly local: readonly Backend[];
  /** Some node has one that packets could go to. */
  readonly isAny: boolean;
}

/**
 * Ready ones; where there is none, those that serve while they terminate. Where all that are ready say for which nodes, or zones, they are
 * meant, and some are meant for this one, only those.
 */
export function reachableBackends(backends: readonly Backend[], node: ServiceNode): ReachableBackends {
  const isLocal = ({ nodeName }: Backend): boolean => nodeName === node.name;
  const ready = backends.filter(({ isReady }) => isReady);
  const ending = backends.filter((backend) => !backend.isReady && mayBeUsed(backend));
  const localReady = ready.filter(isLocal);
  return {
    cluster: ready.length > 0 ? meantFor(ready, node) : ending,
    local: localReady.length > 0 ? localReady : ending.filter(isLocal),
    isAny: ready.length + ending.length > 0,
  };
}

/** Whether packets may go to it at all: it is ready, or serves while it terminates. */
export function mayBeUsed({ isReady, isServing, isTerminating }: Omit<Backend, 'address' | 'port'>): boolean {
  return isReady || (isServing && isTerminating);
}

/** Never none: who is meant for nobody here is there for all. */
function meantFor(ready: readonly Backend[], { name, zone }: ServiceNode): readonly Backend[] {
  if (ready.every(({ forNodes }) => forNodes.length > 0)) {
    const close = ready.filter(({ forNodes }) => forNodes.includes(name));
    if (close.length > 0) return close;
  }
  if (zone === '' || !ready.every(({ forZones }) => forZones.length > 0)) return ready;
  const near = ready.filter(({ forZones }) => forZones.includes(zone));
  return near.length > 0 ? near : ready;
}
