/** What a node knows of services, for who asks. */
import type { Notice } from '../../api/control-api.ts';
import type { ListedBackend, ListedService, ListedServicePort, ServicesReport } from '../../api/service-api.ts';
import { ConflictError, SystemCallError } from '../../errors.ts';
import { visitConnections } from '../../linux/connections.ts';
import { readCounters } from '../../linux/nft-netlink.ts';
import { SERVICE_TABLE } from '../../linux/nftables.ts';
import { mayBeUsed } from '../../services/reachable-backends.ts';
import { servicePortTitle } from '../../services/service-plan.ts';
import { frontendKey, serviceKey, type ServicePlanner } from '../../services/service-planner.ts';
import type { ServiceRecordPort, ShownService } from '../../services/service-record.ts';
import { backendLimit } from '../../services/service-room.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { GivenAt } from '../rulebook/rulebook-objects.ts';
import type { BalancerAnnouncements } from './balancer-announcements.ts';
import type { PodTitles } from './pod-titles.ts';
import { protocolNumber, type ServiceCounter } from './service-names.ts';

/** What the control server asks of it. */
export interface ServiceHandlers {
  /** @throws ConflictError `services-of-others` */
  services(): Promise<ServicesReport>;
}

export interface ServiceHandlerParts {
  readonly nodeName: string;
  readonly services: () => ReadonlyMap<string, ShownService>;
  readonly givenAt: (key: string) => GivenAt | undefined;
  readonly planner: Pick<ServicePlanner, 'backends' | 'refused' | 'cut'>;
  readonly titles: Pick<PodTitles, 'at'>;
  /** Who answers on the links for addresses of load balancers; `undefined`: there are no pools. */
  readonly balancer: Pick<BalancerAnnouncements, 'announcer' | 'isReady'> | undefined;
  readonly notices: () => readonly Notice[];
}

/** @param parts `undefined`: weft has no services here */
export function serviceHandlers(parts: ServiceHandlerParts | undefined): ServiceHandlers {
  return {
    services: async () => {
      if (parts === undefined)
        throw new ConflictError(
          'services-of-others',
          'weft has no services here (services.enabled): in Kubernetes, kube-proxy or what takes its place has them; use kubectl get services',
        );
      const connections = await countConnections();
      const counts = readCounters(SERVICE_TABLE);
      const counted = (counter: ServiceCounter): number => counts?.get(counter) ?? 0;
      const records = [...parts.services()].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return {
        node: parts.nodeName,
        services: records.map(([, record]) => listedService(record, parts, connections)),
        refused: {
          withoutBackend: counted('refused'),
          withoutBackendHere: counted('dropped'),
          fromOthers: counted('source-refused'),
        },
        notices: parts.notices(),
      };
    },
  };
}

function listedService(
  record: ShownService,
  parts: ServiceHandlerParts,
  connections: ReadonlyMap<string, number> | undefined,
): ListedService {
  const given = parts.givenAt(serviceKey(record));
  const refused = Map.groupBy(parts.planner.refused(serviceKey(record)), ({ frontend }) => frontend.service);
  return {
    namespace: record.namespace,
    name: record.name,
    type: record.type,
    headless: record.isHeadless,
    clusterAddresses: record.clusterAddresses.map(formatIpAddress),
    externalAddresses: record.externalAddresses.map(formatIpAddress),
    loadBalancerAddresses: record.loadBalancerAddresses.map((place) => {
      const address = formatIpAddress(place);
      return { address, node: announcerOf(address, parts.balancer) };
    }),
    selector: record.selector ?? null,
    internalTraffic: record.internalTraffic,
    externalTraffic: record.externalTraffic,
    affinitySeconds: record.affinitySeconds ?? null,
    ports: record.ports.map((port) => listedPort(record, port, parts, { refused, connections })),
    givenAt: given === undefined ? null : { node: given.node, time: new Date(given.atMs).toISOString() },
  };
}

/** What is looked up once for all ports of a service: there may be many, and more of their places. */
interface KnownOfPorts {
  /** By titles of ports. */
  readonly refused: ReadonlyMap<string, ReturnType<ServicePlanner['refused']>>;
  /** As {@link countConnections} gives them. */
  readonly connections: ReadonlyMap<string, number> | undefined;
}

function listedPort(
  record: ShownService,
  { name, protocol, port, targetPort, nodePort }: ServiceRecordPort,
  { planner, titles }: ServiceHandlerParts,
  { refused, connections }: KnownOfPorts,
): ListedServicePort {
  const key = serviceKey(record);
  const title = servicePortTitle(record, name);
  const backends = (planner.backends(key).get(name) ?? []).filter(mayBeUsed);
  return {
    name,
    protocol,
    port,
    targetPort,
    nodePort: nodePort ?? null,
    backends: backends.map((backend): ListedBackend => {
      const address = formatIpAddress(backend.address);
      const answering = `${protocolNumber(protocol)} ${address} ${backend.port}`;
      return {
        address,
        port: backend.port,
        pod: titles.at(backend.address) ?? '',
        node: backend.nodeName,
        connections: connections === undefined ? null : (connections.get(answering) ?? 0),
      };
    }),
    backendLimit: backendLimit(planner.cut(key), title, backends) ?? null,
    taken: (refused.get(title) ?? []).map(({ frontend, holder }) => ({
      place: frontendKey(frontend),
      by: holder.service,
    })),
  };
}

function announcerOf(address: string, balancer: ServiceHandlerParts['balancer']): string | null {
  return balancer?.isReady === true ? (balancer.announcer(address) ?? '') : null;
}

/** Of what was translated, by protocol, address and port of who answers; `undefined`: the kernel does not tell. */
async function countConnections(): Promise<ReadonlyMap<string, number> | undefined> {
  const counts = new Map<string, number>();
  try {
    await visitConnections(({ protocol, destination, destinationPort, sentTo, sentToPort }) => {
      const [to, sent] = [formatIpAddress(destination), formatIpAddress(sentTo)];
      if (to === sent && destinationPort === sentToPort) return;
      const key = `${protocol} ${to} ${destinationPort}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    });
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
  return counts;
}
