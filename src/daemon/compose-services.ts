/** Services, put together: from which there are, and what is behind them, to what the kernel of this node does. */
import type { Notice } from '../api/control-api.ts';
import { type NftWitness, OwnedTables } from '../linux/nft-owned-tables.ts';
import { SERVICE_TABLE } from '../linux/nftables.ts';
import { MAX_SERVICE_ADDRESSES, type NamedService } from '../names/service-names.ts';
import type { PlanningNode } from '../services/service-plan.ts';
import { serviceKey, ServicePlanner } from '../services/service-planner.ts';
import type { ShownService } from '../services/service-record.ts';
import { compareIpAddresses, equalIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../wire/prefix.ts';
import type { PodFollower } from './compose-policy.ts';
import type { Composition } from './composition.ts';
import { systemClock } from './process/system-environment.ts';
import type { ServiceSource } from './service-source.ts';
import { NodeServices } from './services/node-services.ts';
import { PodTitles } from './services/pod-titles.ts';
import { ServiceChoices } from './services/service-choices.ts';
import { ServiceEnforcement } from './services/service-enforcement.ts';
import type { ServiceHandlerParts } from './services/service-handlers.ts';
import { families } from './services/service-names.ts';
import { type ServiceSurvey, surveyServices } from './services/service-survey.ts';
import { StaleConnections } from './services/stale-connections.ts';
import type { ThisNode } from './this-node.ts';

export interface ServiceParts {
  readonly node: Pick<ThisNode, 'nodeAddresses' | 'underlay'>;
  /** From which services get their addresses. */
  readonly prefixes: readonly Prefix[];
  /** Knows what others changed in nftables. */
  readonly witness: NftWitness;
  /** Told when there are other services than before, or the first, or none any more. */
  readonly onServices: () => void;
  /** Told when a service may have other backends than before, too. */
  readonly onBackends: () => void;
  /** Told when names of services may stand for other addresses than before. */
  readonly onNames: () => void;
}

export interface ComposedServices {
  readonly services: NodeServices;
  readonly enforcement: ServiceEnforcement;
  /** What questions are answered from. */
  readonly known: Omit<ServiceHandlerParts, 'nodeName' | 'notices' | 'balancer'>;
  /** Which backend the kernel of this node chooses for a packet. */
  readonly choices: ServiceChoices;
  /** To be told of pods. */
  readonly podFollower: PodFollower;
  /** Addresses that the name of a service stands for; `undefined`: there is no such service. */
  addressesOf(namespace: string, name: string): readonly IpAddress[] | undefined;
  /** What each is called, and the addresses that its name stands for. */
  named(): readonly NamedService[];
  /** Whether all are known, and all pods behind them. */
  areNamesKnown(): boolean;
  /** From which services have addresses; none while there are no services. */
  prefixes(): readonly Prefix[];
  /** Resolves when the kernel does what was told until now, or it is known why it does not. */
  followed(): Promise<readonly Notice[]>;
  /** What the doctor is told of services. */
  survey(): Promise<ServiceSurvey>;
  /** Places that weft itself has, as `frontendKey` makes them: no service gets them. */
  reserve(places: ReadonlySet<string>): void;
  /** Addresses of this node. */
  ownAddresses(): readonly IpAddress[];
  /** This node is reached at another address of the underlay. */
  movedTo(underlay: IpAddress): void;
  notices(): readonly Notice[];
}

const notBegun: Notice = {
  code: 'services-unknown',
  message: 'this node does not follow it yet: it waits for other nodes to tell their services and pods, up to 30 s',
};

/** Why nothing can be said of services. */
const UNKNOWN_SERVICES = 'it is not known yet which services there are';
const UNKNOWN_PODS = 'not all pods of other nodes are known yet';

/** Begins as soon as it is known which services there are. */
export function composeServices(
  { config, logger, opened }: Composition,
  source: ServiceSource,
  { node, prefixes, witness, onServices, onBackends, onNames }: ServiceParts,
): ComposedServices {
  let underlay = node.underlay.address;
  const ownNode = (): PlanningNode => {
    const { zone, addresses } = source.node();
    const all = [underlay, ...addresses, ...node.nodeAddresses].toSorted(compareIpAddresses);
    const nodePortAddresses = all.filter((address, at) => at === 0 || !equalIpAddresses(address, all[at - 1]!));
    return { name: source.nodeName, zone, nodePortAddresses };
  };
  let planned = ownNode();
  const planner = new ServicePlanner(planned);
  const move = (): void => {
    const now = ownNode();
    // Any Node that changes may be this one.
    if (JSON.stringify(now) === JSON.stringify(planned)) return;
    planned = now;
    planner.moveTo(now);
    services.update();
  };
  const enforcement = new ServiceEnforcement({
    nodeName: source.nodeName,
    table: {
      tunDevice: config.tun.device,
      nodeAddresses: firstOfEach(node.nodeAddresses),
      pools: config.services.pools,
      prefixes,
    },
    witness,
  });
  const stale = new StaleConnections(() => enforcement.frontends);
  const titles = new PodTitles();
  const followed = source.follow(planner, {
    servicesChanged: () => {
      services.update();
      onServices();
      onBackends();
      onNames();
    },
    backendsChanged: () => {
      services.update();
      onBackends();
    },
    nodeChanged: move,
  });
  const services: NodeServices = new NodeServices({
    takeChange: () => followed.takeChange(),
    enforcement,
    isKnown: source.isKnown,
    isSettled: source.isSettled,
    onFollowed: (change) => void stale.follow(change),
    clock: systemClock,
    logger,
  });
  opened.defer(() => services.stop());
  const all = (): readonly ShownService[] => [...followed.services().values()];
  const isAny = (): boolean => followed.services().size > 0;
  services.start();
  const ignorance = (): string => {
    if (!source.isKnown()) return UNKNOWN_SERVICES;
    return !isAny() || (services.isBegun && source.isSettled()) ? '' : UNKNOWN_PODS;
  };
  const notices = (): readonly Notice[] => [
    ...enforcement.notices(),
    ...services.notices(),
    ...stale.notices(),
    ...cutNotices(planner.cuts),
    ...source.notices(),
  ];
  return {
    services,
    enforcement,
    known: { services: () => followed.services(), givenAt: source.givenAt, planner, titles },
    choices: new ServiceChoices({ enforcement, prefixes, titles }),
    podFollower: {
      setPod: (pod) => {
        titles.setPod(pod);
        followed.setPod(pod);
      },
      removePod: (key) => {
        titles.removePod(key);
        followed.removePod(key);
      },
      update: () => {
        services.update();
        onBackends();
        if (followed.hasHeadless()) onNames();
      },
    },
    addressesOf: (namespace, name) => {
      const service = followed.services().get(serviceKey({ namespace, name }));
      return service && namedService(service, planner).addresses;
    },
    named: () => all().map((service) => namedService(service, planner)),
    areNamesKnown: () => services.isBegun,
    prefixes: () => (isAny() ? prefixes : []),
    followed: async () => {
      await services.followed();
      if (!isAny()) return [];
      return services.isBegun ? notices() : [notBegun];
    },
    survey: async () =>
      surveyServices({
        services: followed.services(),
        planner,
        ignorance: ignorance(),
        nowMs: () => performance.now(),
      }),
    reserve: (places) => {
      planner.reserve(places);
      services.update();
    },
    ownAddresses: () => planned.nodePortAddresses,
    movedTo: (moved) => {
      underlay = moved;
      move();
    },
    notices,
  };
}

/** @param count services of which part is left out */
function cutNotices(count: number): readonly Notice[] {
  if (count === 0) return [];
  const message = `there is no room for all ports and backends of ${count === 1 ? 'a service' : `${count} services`}: weft services says what is left out`;
  return [{ code: 'services-cut', message }];
}

/** Where weft has no services: packets go to none that an earlier daemon had. @throws CommandError */
export async function forgetServices(): Promise<void> {
  await new OwnedTables().remove(SERVICE_TABLE);
}

/** The name of a headless one stands for the addresses of its backends, each once, whatever their ports. */
function namedService(service: ShownService, planner: ServicePlanner): NamedService {
  const { namespace, name, isHeadless, clusterAddresses } = service;
  if (!isHeadless) return { namespace, name, isHeadless, addresses: clusterAddresses };
  const backends = [...planner.backends(serviceKey(service)).values()].flat();
  const distinct = new Map(backends.map(({ address }) => [formatIpAddress(address), address]));
  const addresses = families.flatMap((family) =>
    [...distinct.values()].filter((address) => address.family === family).slice(0, MAX_SERVICE_ADDRESSES),
  );
  return { namespace, name, isHeadless, addresses };
}

/**
 * Prefixes without those in which nodes are: what no service has there would be refused, and that may be anything that nodes say to each
 * other.
 *
 * @param onLeftOut told of each that is left out, with an address that it has in it
 */
export function prefixesWithout(
  nodes: readonly IpAddress[],
  prefixes: readonly Prefix[],
  onLeftOut: (prefix: string, address: string) => void,
): readonly Prefix[] {
  return prefixes.filter((prefix) => {
    const within = nodes.find((address) => prefixContains(prefix, address));
    if (within !== undefined) onLeftOut(formatPrefix(prefix), formatIpAddress(within));
    return within === undefined;
  });
}

/** The first address of each family. */
function firstOfEach(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return addresses.filter(({ family }, index) => addresses.findIndex((one) => one.family === family) === index);
}
