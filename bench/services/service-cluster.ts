/**
 * The cluster whose services are measured: 10 000 services of one port each, with five backends each, half of them TCP and half UDP. One in
 * twenty keeps clients where they were. The node that is measured has one pod in a hundred. Pure.
 */
import type { ServiceTableOptions } from '../../src/daemon/services/service-tables.ts';
import type { PlanningNode } from '../../src/services/service-plan.ts';
import { type BackendsByPort, serviceKey, type ServicePlanner } from '../../src/services/service-planner.ts';
import type { Backend, Service, ServiceProtocol } from '../../src/services/service.ts';
import { type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

export const SERVICES = 10_000;

export const BACKENDS = 5;

/** One of so many services has affinity. */
const AFFINITY_SHARE = 20;
/** What `sessionAffinity: ClientIP` has where nothing is said. */
const AFFINITY_SECONDS = 10_800;

const NODES = 100;

const NODE_NAME = 'node-0';

export const NODE_ADDRESS = '10.244.1.1';

const PORT = 80;
const TARGET_PORT = 8_080;

/** A service, and its backends, which change. */
export interface BenchService {
  readonly key: string;
  readonly service: Service;
  backends: readonly Backend[];
}

export const planningNode: PlanningNode = { name: NODE_NAME, zone: '', nodePortAddresses: [] };

export const enforcementOptions: { readonly nodeName: string; readonly table: ServiceTableOptions } = {
  nodeName: NODE_NAME,
  table: {
    tunDevice: 'weft0',
    nodeAddresses: [parseIpAddress(NODE_ADDRESS)!],
    pools: [],
    prefixes: [parsePrefix('10.96.0.0/12')!],
  },
};

/** Backends that no service has had: each one is another. */
export class Pods {
  #next = 0;

  backend(): Backend {
    const index = this.#next++;
    return backendAt(addressAt(10, 128, index), TARGET_PORT, `node-${index % NODES}`);
  }
}

/** Services as a cluster has them. Their addresses begin behind those of {@link trafficService}. */
export function clusterServices(count: number, pods: Pods): BenchService[] {
  return Array.from({ length: count }, (_, index) => {
    const backends = Array.from({ length: BACKENDS }, () => pods.backend());
    const { key, service } = benchService(`s${index}`, addressAt(10, 97, index), index % 2 === 0 ? 'TCP' : 'UDP', PORT);
    return {
      key,
      service: { ...service, affinitySeconds: hasAffinity(index) ? AFFINITY_SECONDS : undefined },
      backends,
    };
  });
}

/** Whether the cluster's service of that index keeps clients where they were: of both protocols the same share does. */
export function hasAffinity(index: number): boolean {
  return Math.floor(index / 2) % AFFINITY_SHARE === 0;
}

/** A service of this port whose backends are these addresses of a pod of this node, at the same port: it has traffic. @param index of its address */
export function trafficService(
  index: number,
  protocol: ServiceProtocol,
  port: number,
  addresses: readonly string[],
): BenchService {
  const backends = addresses.map((text) => backendAt(parseIpAddress(text)!, port, NODE_NAME));
  return { ...benchService(`traffic${index}`, addressAt(10, 96, index), protocol, port), backends };
}

/** @param isGone takes it back */
export function tell(planner: ServicePlanner, { key, service, backends }: BenchService, isGone = false): void {
  const byPort: BackendsByPort = new Map([['', backends]]);
  planner.setService(key, isGone ? undefined : service);
  planner.setBackends(key, isGone ? undefined : byPort);
}

function benchService(name: string, address: IpAddress, protocol: ServiceProtocol, port: number): BenchService {
  const service: Service = {
    namespace: 'bench',
    name,
    ports: [{ name: '', protocol, port, nodePort: undefined }],
    clusterAddresses: [address],
    externalAddresses: [],
    loadBalancerAddresses: [],
    loadBalancerSources: undefined,
    internalTraffic: 'cluster',
    externalTraffic: 'cluster',
    affinitySeconds: undefined,
  };
  return { key: serviceKey(service), service, backends: [] };
}

function backendAt(address: IpAddress, port: number, nodeName: string): Backend {
  const always = { isReady: true, isServing: true, isTerminating: false, forNodes: [], forZones: [] };
  return { address, port, nodeName, ...always };
}

/** The address of that index behind the first of a /16, which may lead beyond it. */
function addressAt(first: number, second: number, index: number): IpAddress {
  const number = index + 1;
  return { family: 4, bytes: Uint8Array.of(first, second + (number >> 16), (number >> 8) & 0xff, number & 0xff) };
}
