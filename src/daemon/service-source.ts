/** Where services come from, and the backends behind them: the Kubernetes API, or the rulebook and the pods of all nodes. */
import type { Notice } from '../api/control-api.ts';
import { addressesOf } from '../kubernetes/node-view.ts';
import type { ServicePlanChange, ServicePlanner } from '../services/service-planner.ts';
import type { ShownService } from '../services/service-record.ts';
import type { IpAddress } from '../wire/address.ts';
import type { PodFollower } from './compose-policy.ts';
import type { ComposedRulebook } from './compose-rulebook.ts';
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import { unreadableServiceNotices } from './rulebook/rulebook-notices.ts';
import type { GivenAt } from './rulebook/rulebook-objects.ts';
import { ApiServices } from './services/api-services.ts';
import { ServiceFacts } from './services/service-facts.ts';

export interface ServiceSource {
  /** Of this node, as backends name it. */
  readonly nodeName: string;
  /** Whether it is known which services there are. */
  readonly isKnown: () => boolean;
  /** Whether their backends are known, as far as anybody can tell. */
  readonly isSettled: () => boolean;
  /** What is known of this node beside its addresses on underlay and overlay. */
  readonly node: () => {
    /** Empty: none. */
    readonly zone: string;
    readonly addresses: readonly IpAddress[];
  };
  /** Where a service was given; `undefined`: others know. @param key as `serviceKey` makes it */
  readonly givenAt: (key: string) => GivenAt | undefined;
  /** Which services there are that nobody is sent to, as they cannot be read. */
  readonly notices: () => readonly Notice[];
  /** Tells the planner of services and backends from now on, when what there is to take is taken. */
  readonly follow: (planner: ServicePlanner, told: ServiceFollower) => FollowedServices;
}

/** Who hears that something may be another than before. */
export interface ServiceFollower {
  /** There are other services, or the first, or none any more. */
  servicesChanged(): void;
  backendsChanged(): void;
  /** What {@link ServiceSource.node} says. */
  nodeChanged(): void;
}

export interface FollowedServices extends Pick<PodFollower, 'setPod' | 'removePod'> {
  /** By the keys that `serviceKey` makes. */
  services(): ReadonlyMap<string, ShownService>;
  /** Whether the name of one may stand for other addresses when pods change. */
  hasHeadless(): boolean;
  /** What is different in the plan since the last time. */
  takeChange(): ServicePlanChange;
}

/** A Node is in this zone (k8s.io/api, core/v1, LabelTopologyZone). */
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** The API: it says which services there are, and which backends each has. Pods say nothing of that. */
export function servicesOfKubernetes(
  api: Pick<ApiMirror, 'objectsOf' | 'isKnown' | 'follow' | 'ownNode'>,
  nodeName: string,
): ServiceSource {
  return {
    nodeName,
    isKnown: () => api.isKnown('services') && api.isKnown('endpointslices'),
    isSettled: () => true,
    node: () => {
      const { ownNode } = api;
      return {
        zone: ownNode?.labels[ZONE_LABEL] ?? '',
        addresses: ownNode === undefined ? [] : addressesOf(ownNode),
      };
    },
    givenAt: () => undefined,
    notices: () => [],
    follow: (planner, told) => {
      const facts = new ApiServices(planner);
      const [services, slices] = [api.objectsOf('services'), api.objectsOf('endpointslices')];
      for (const [key, service] of services) facts.setService(key, service);
      for (const [key, slice] of slices) facts.setSlice(key, slice);
      api.follow((resource, keys) => {
        if (resource === 'nodes') told.nodeChanged();
        if (resource === 'services') {
          for (const key of keys) facts.setService(key, services.get(key));
          told.servicesChanged();
        }
        if (resource === 'endpointslices') {
          for (const key of keys) facts.setSlice(key, slices.get(key));
          told.backendsChanged();
        }
      });
      return {
        services: () => facts.services,
        // These are not watched.
        hasHeadless: () => false,
        takeChange: () => facts.takeChange(),
        setPod: () => {},
        removePod: () => {},
      };
    },
  };
}

/** The rulebook, and the pods that its services select. */
export function servicesOfRulebook(
  rulebook: Pick<ComposedRulebook, 'objects' | 'isKnown' | 'follow'>,
  nodeName: string,
  arePodsKnown: () => boolean,
): ServiceSource {
  const records = () => rulebook.objects.objectsOf('services');
  return {
    nodeName,
    isKnown: () => rulebook.isKnown(),
    // Pods of other nodes are of no concern where no service is.
    isSettled: () => records().size === 0 || arePodsKnown(),
    // Nobody says in which zone a node is.
    node: () => ({ zone: '', addresses: [] }),
    givenAt: (key) => rulebook.objects.givenAt('services', key),
    notices: () => unreadableServiceNotices(rulebook.objects),
    follow: (planner, told) => {
      const facts = new ServiceFacts(planner);
      const take = (keys: Iterable<string>): void => {
        for (const key of keys) facts.setService(key, records().get(key));
      };
      take(records().keys());
      rulebook.follow((resource, keys) => {
        if (resource !== 'services') return;
        take(keys);
        told.servicesChanged();
      });
      return {
        services: records,
        hasHeadless: () => facts.hasHeadless,
        takeChange: () => facts.takeChange(),
        setPod: (pod) => facts.setPod(pod),
        removePod: (key) => facts.removePod(key),
      };
    },
  };
}
