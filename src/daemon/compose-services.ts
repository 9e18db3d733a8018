/** Services, put together: from what operators gave to the cluster, and the pods of all nodes, to what the kernel of this node does. */
import type { Notice } from '../api/control-api.ts';
import type { NftWitness } from '../linux/nft-owned-tables.ts';
import { MAX_SERVICE_ADDRESSES, type NamedService } from '../names/service-names.ts';
import { serviceKey, ServicePlanner } from '../services/service-planner.ts';
import type { ServiceRecord } from '../services/service-record.ts';
import { compareIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { PodFollower } from './compose-policy.ts';
import type { ComposedRulebook } from './compose-rulebook.ts';
import type { Composition } from './composition.ts';
import type { RulebookWish } from '../rulebook/rulebook.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { withAssignments } from './services/assigned-wishes.ts';
import { NodeServices } from './services/node-services.ts';
import { ServiceChoices } from './services/service-choices.ts';
import { ServiceEnforcement } from './services/service-enforcement.ts';
import type { ServiceHandlerParts } from './services/service-handlers.ts';
import { families } from './services/service-names.ts';
import { ServiceFacts } from './services/service-facts.ts';
import { type ServiceSurvey, surveyServices } from './services/service-survey.ts';
import { StaleConnections } from './services/stale-connections.ts';
import type { ThisNode } from './this-node.ts';

export interface ServiceParts {
  readonly node: Pick<ThisNode, 'nodeAddresses' | 'underlay'>;
  readonly rulebook: ComposedRulebook;
  /** Whether the pods of all nodes are known, as far as anybody can tell. */
  readonly isSettled: () => boolean;
  /** Knows what others changed in nftables. */
  readonly witness: NftWitness;
  /** Told when there are other services than before, or the first, or none any more. */
  readonly onServices: () => void;
  /** Told when names of services may stand for other addresses than before. */
  readonly onNames: () => void;
}

export interface ComposedServices {
  readonly services: NodeServices;
  readonly enforcement: ServiceEnforcement;
  /** What questions are answered from. */
  readonly known: Omit<ServiceHandlerParts, 'nodeName' | 'notices'>;
  /** Which backend the kernel of this node chooses for a packet. */
  readonly choices: ServiceChoices;
  /** To be told of pods. */
  readonly podFollower: PodFollower;
  /** Addresses that the name of a service stands for; `undefined`: there is no such service. */
  addressesOf(namespace: string, name: string): readonly IpAddress[] | undefined;
  /** What each is called, and the addresses that its name stands for. */
  named(): readonly NamedService[];
  /** Whether all are known, and all pods behind them. */
  isNamed(): boolean;
  /** From which services have addresses; none while there are no services. */
  prefixes(): readonly Prefix[];
  /** Gives services that are given to the cluster what it assigns. @throws WeftError as `withAssignments` */
  complete(wishes: readonly RulebookWish[]): readonly RulebookWish[];
  /** Resolves when the kernel does what was told until now, or it is known why it does not. */
  followed(): Promise<readonly Notice[]>;
  /** What the doctor is told of services. */
  survey(): Promise<ServiceSurvey>;
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
  { node, rulebook, isSettled, witness, onServices, onNames }: ServiceParts,
): ComposedServices {
  const { prefixes } = config.services;
  const nodeAt = (underlay: IpAddress) => ({
    name: config.nodeName,
    // Without Kubernetes nobody says in which zone a node is.
    zone: '',
    nodePortAddresses: [underlay, ...node.nodeAddresses].toSorted(compareIpAddresses),
  });
  const planner = new ServicePlanner(nodeAt(node.underlay.address));
  const facts = new ServiceFacts(planner);
  const enforcement = new ServiceEnforcement({
    nodeName: config.nodeName,
    table: { tunDevice: config.tun.device, nodeAddresses: firstOfEach(node.nodeAddresses), prefixes },
    witness,
  });
  const stale = new StaleConnections((key) => enforcement.frontend(key));
  const given = (): ReadonlyMap<string, unknown> => rulebook.objects.objectsOf('services');
  const services = new NodeServices({
    takeChange: () => facts.takeChange(),
    enforcement,
    isKnown: () => rulebook.isKnown(),
    // Pods of other nodes are of no concern where no service is.
    isSettled: () => given().size === 0 || isSettled(),
    onFollowed: (change) => void stale.follow(change),
    clock: systemClock,
    logger,
  });
  opened.defer(() => services.stop());
  const hasHeadless = (): boolean =>
    [...rulebook.objects.objectsOf('services').values()].some(({ isHeadless }) => isHeadless);
  const take = (keys: Iterable<string>): void => {
    const records = rulebook.objects.objectsOf('services');
    for (const key of keys) facts.setService(key, records.get(key));
  };
  take(given().keys());
  rulebook.follow((resource, keys) => {
    if (resource !== 'services') return;
    take(keys);
    services.update();
    onServices();
    onNames();
  });
  services.start();
  const ignorance = (): string => {
    if (!rulebook.isKnown()) return UNKNOWN_SERVICES;
    return given().size === 0 || (services.isBegun && isSettled()) ? '' : UNKNOWN_PODS;
  };
  const notices = (): readonly Notice[] => [...enforcement.notices(), ...services.notices(), ...stale.notices()];
  return {
    services,
    enforcement,
    known: {
      records: () => rulebook.objects.objectsOf('services'),
      givenAt: (key) => rulebook.objects.givenAt('services', key),
      planner,
      facts,
    },
    choices: new ServiceChoices({ enforcement, prefixes, facts }),
    podFollower: {
      setPod: (pod) => facts.setPod(pod),
      removePod: (key) => facts.removePod(key),
      update: () => {
        services.update();
        if (hasHeadless()) onNames();
      },
    },
    addressesOf: (namespace, name) => {
      const record = rulebook.objects.objectsOf('services').get(serviceKey({ namespace, name }));
      return record && namedService(record, planner).addresses;
    },
    named: () => [...rulebook.objects.objectsOf('services').values()].map((record) => namedService(record, planner)),
    isNamed: () => services.isBegun,
    prefixes: () => (given().size === 0 ? [] : prefixes),
    complete: (wishes) =>
      withAssignments(wishes, rulebook.objects.objectsOf('services'), { prefixes, random: systemRandom }),
    followed: async () => {
      await services.followed();
      if (given().size === 0) return [];
      return services.isBegun ? notices() : [notBegun];
    },
    survey: async () =>
      surveyServices({
        records: rulebook.objects.objectsOf('services'),
        planner,
        ignorance: ignorance(),
        nowMs: () => performance.now(),
      }),
    movedTo: (underlay) => {
      planner.moveTo(nodeAt(underlay));
      services.update();
    },
    notices,
  };
}

/** The name of a headless one stands for the addresses of its backends, each once, whatever their ports. */
function namedService(record: ServiceRecord, planner: ServicePlanner): NamedService {
  const { namespace, name, isHeadless, clusterAddresses } = record;
  if (!isHeadless) return { namespace, name, isHeadless, addresses: clusterAddresses };
  const backends = [...planner.backends(serviceKey(record)).values()].flat();
  const distinct = new Map(backends.map(({ address }) => [formatIpAddress(address), address]));
  const addresses = families.flatMap((family) =>
    [...distinct.values()].filter((address) => address.family === family).slice(0, MAX_SERVICE_ADDRESSES),
  );
  return { namespace, name, isHeadless, addresses };
}

/** The first address of each family. */
function firstOfEach(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return addresses.filter(({ family }, index) => addresses.findIndex((one) => one.family === family) === index);
}
