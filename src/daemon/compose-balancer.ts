/** Addresses of load balancers, put together: from what services have, and who is there, to who answers for them on the links. */
import type { Notice } from '../api/control-api.ts';
import type { BalancerFacts } from '../doctor/facts.ts';
import { addressesOf } from '../kubernetes/node-view.ts';
import { listLinks } from '../linux/link.ts';
import { readCounters } from '../linux/nft-netlink.ts';
import { SERVICE_TABLE } from '../linux/nftables.ts';
import type { Member } from '../membership/announcement.ts';
import { balancedAddresses } from '../services/balanced-addresses.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { ComposedServices } from './compose-services.ts';
import type { Composition } from './composition.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import { LeaseHolder } from './kubernetes/lease-holder.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { BalancerAnnouncements } from './services/balancer-announcements.ts';
import { BalancerWriter } from './services/balancer-writer.ts';
import { surveyBalancer } from './services/balancer-survey.ts';
import { announcedPrefixes, poolLinks } from './services/pool-links.ts';

/** How long members are waited for, in ms. */
const MEMBERS_WAIT_MS = 30_000;

/** Of weft's manifests. */
const NAMESPACE = 'weft';
const LEASE = 'weft-load-balancer';

/** How long the node that has the Lease may be silent until another takes it, in ms. */
const LEASE_MS = 15_000;

/** Nodes that ask for it. */
const MAX_WRITERS = 2;

export interface BalancerParts {
  readonly identity: string;
  readonly services: Pick<ComposedServices, 'services' | 'known'>;
  readonly gossip: Pick<Gossip, 'members' | 'announceLinks'>;
  /** Whether members and their pods are known. */
  readonly isClusterKnown: () => boolean;
  /** Services are those of this API, and have their addresses in it; `undefined`: whoever gives a service assigns them. */
  readonly api: ApiMirror | undefined;
  /** Announced since the start. */
  readonly linkPrefixes: readonly Prefix[];
}

/**
 * What is announced of the links from the start: nodes go on sending to a node that is restarted only if it has said what it said before.
 *
 * @param links as they are listed already
 */
export function linkPrefixesAtStart(
  { config: { services } }: Pick<Composition, 'config'>,
  links: Parameters<typeof poolLinks>[0],
): readonly Prefix[] {
  // The kernel translates what comes, as it did for the daemon before.
  const isTranslating = services.enabled && services.pools.length > 0 && readCounters(SERVICE_TABLE) !== undefined;
  return isTranslating ? announcedPrefixes(poolLinks(links, services.pools)) : [];
}

export interface ComposedBalancer {
  readonly announcements: BalancerAnnouncements;
  /** To be called whenever services, backends or members may be others than before. */
  update(): void;
  /** What the doctor is told. */
  survey(): Promise<BalancerFacts>;
  notices(): readonly Notice[];
}

/** `undefined`: there are no pools. */
export function composeBalancer(
  composition: Composition,
  { identity, services, gossip, isClusterKnown, api, linkPrefixes }: BalancerParts,
): ComposedBalancer | undefined {
  const { config, events, logger, opened } = composition;
  const { pools } = config.services;
  if (pools.length === 0) return undefined;
  const startMs = systemClock.nowMs();
  const members = () => gossip.members();
  const addresses = () => balancedAddresses(services.known.services().values(), services.known.planner, pools);
  const announcements = new BalancerAnnouncements({
    pools,
    identity,
    members,
    addresses,
    // Who is alone knows of nobody else; nobody is waited for for ever.
    isReady: () => services.services.isBegun && (isClusterKnown() || systemClock.nowMs() - startMs > MEMBERS_WAIT_MS),
    listLinks,
    announced: linkPrefixes,
    announceLinks: (prefixes) => gossip.announceLinks(prefixes),
    clock: systemClock,
    events,
    logger,
  });
  opened.defer(() => announcements.stop());
  announcements.start();
  const writer = api && composeWriter(composition, api, { identity, services, members });
  return {
    announcements,
    update: () => {
      announcements.update();
      writer?.update();
    },
    survey: async () => surveyBalancer({ pools, services: services.known.services, addresses, members, announcements }),
    notices: () => [...announcements.notices(), ...(writer?.notices() ?? [])],
  };
}

interface ComposedWriter {
  update(): void;
  notices(): readonly Notice[];
}

/** Has one node of the cluster write addresses into services. */
function composeWriter(
  { config, logger, opened }: Composition,
  api: ApiMirror,
  {
    identity,
    services,
    members,
  }: Pick<BalancerParts, 'identity' | 'services'> & { readonly members: () => readonly Member[] },
): ComposedWriter {
  const lease = new LeaseHolder({
    api,
    wish: { namespace: NAMESPACE, name: LEASE, holder: config.nodeName, durationMs: LEASE_MS },
    isCandidate: () => writersOf(members()).includes(identity),
    onHeld: () => writer.update(),
    clock: systemClock,
    wallClockMs: Date.now,
    logger,
  });
  const writer = new BalancerWriter({
    pools: config.services.pools,
    services: services.known.services,
    hosts: () => [
      ...members().map(({ announcement }) => announcement.gossipEndpoint.address),
      ...[...api.nodes.values()].flatMap(addressesOf),
    ],
    isWriter: () => lease.isHeld,
    // Who has which address is known only from the API itself.
    isKnown: () => api.isComplete('services'),
    patch: (path, body, done) => api.ask('patch', path, body, ({ problem }) => done(problem)),
    random: systemRandom,
    clock: systemClock,
    logger,
  });
  opened.defer(() => {
    lease.stop();
    writer.stop();
  });
  lease.start();
  writer.start();
  return {
    update: () => writer.update(),
    notices: () => {
      if (lease.problem === '') return [];
      const message = `services get no addresses of load balancers from this node: ${lease.problem}`;
      return [{ code: 'balancer-lease-unavailable', message }];
    },
  };
}

/** A few ask for the Lease, whatever the size of the cluster. */
function writersOf(members: readonly Member[]): readonly string[] {
  return members
    .filter(({ state, announcement }) => state === 'alive' && (announcement.linkPrefixes ?? []).length > 0)
    .map(({ announcement }) => announcement.identity)
    .toSorted()
    .slice(0, MAX_WRITERS);
}
