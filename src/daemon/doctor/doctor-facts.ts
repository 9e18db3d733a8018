/** Everything that checks look at, read from a daemon that runs. */
import type {
  DaemonFacts,
  Difference,
  Facts,
  KernelWays,
  TranslationFacts,
  UnderlayFacts,
} from '../../doctor/facts.ts';
import { OVERHEAD_BYTES } from '../../dataplane/encapsulation.ts';
import { listLinks } from '../../linux/link.ts';
import { formatEndpoint, formatIpAddress, parseIpAddress } from '../../wire/address.ts';
import { parsePrefix } from '../../wire/prefix.ts';
import { UNSEEN_SUBJECT, type Audit } from '../audit/audit.ts';
import type { DoctorParts } from './doctor-parts.ts';
import type { DropHandlers } from '../explain/drops.ts';
import { unlistedTables } from '../explain/unlisted-tables.ts';
import { lookAtHost, plumbingIn } from '../host/host-facts.ts';
import { inspectPeers } from './doctor-peers.ts';
import { inspectPods } from './doctor-pods.ts';
import { readKernelWays, type WayQuestions } from './doctor-ways.ts';
import { dropExamples } from './drop-examples.ts';
import type { RecentCounts } from './recent-counts.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { Sights } from '../host/sights.ts';
import { inspectStore } from './store-inspection.ts';

/** Where they are read. */
export interface DoctorSources {
  readonly parts: DoctorParts;
  readonly audit: Pick<Audit, 'inspect' | 'repairs'>;
  readonly remote: RemoteNodes;
  readonly recent: RecentCounts;
  readonly drops: DropHandlers;
}

/** Reads all of them, now. */
export async function readFacts(sources: DoctorSources): Promise<Facts> {
  const { config, pods, underlay } = sources.parts;
  const { interface: device, address } = underlay();
  const plumbing = {
    ...plumbingIn(config),
    underlay: { device, address },
    pods: pods.list().map(({ hostDevice, addresses, allowSources }) => ({
      device: hostDevice,
      addresses: addresses.flatMap((text) => parseIpAddress(text.split('/')[0]!) ?? []),
      allowSources: allowSources.flatMap((text) => parsePrefix(text) ?? []),
    })),
  };
  const [plan, frontends] = await Promise.all([sources.parts.policyPlan(), sources.parts.knownFrontends()]);
  const unlisted = unlistedTables(plan, frontends);
  const [host, daemon] = await Promise.all([lookAtHost(plumbing, unlisted), readDaemonFacts(sources)]);
  return { node: config.nodeName, host, daemon };
}

async function readDaemonFacts({ parts, audit, remote, recent, drops }: DoctorSources): Promise<DaemonFacts> {
  const { config, gossip, keys, routes, pods, identity, paths: prober } = parts;
  const { mtuBytes, version } = gossip.current().self.announcement;
  const canAsk = keys !== undefined;
  const counts = recent.get();
  const sights = new Sights();
  const [underlay, audited, podDamage, examples, podsInside, ways, policies, services, peers] = await Promise.all([
    readUnderlay(parts, mtuBytes, sights),
    audit.inspect(),
    pods.storeDamage(),
    dropExamples(drops, counts),
    inspectPods(pods),
    sights.look('ways', async () => readKernelWays(wayQuestions(parts)), unknownWays),
    parts.surveyPolicies(),
    parts.surveyServices(),
    inspectPeers({
      remote,
      canAsk,
      peers: () => routes.peers(gossip.clockOffsetMs()),
      translationsOf: (identity) => translationsOf(parts, identity),
      mtuBytes,
      probe: async (to, sizeBytes, timeoutMs) => {
        const outcome = await prober?.probe(routes.waysTo(to).direct, sizeBytes, timeoutMs);
        return outcome === 'lost' ? false : typeof outcome === 'object' ? true : undefined;
      },
    }),
  ]);
  const { notices, residual, features } = parts.status();
  // What the audit could not look at is no difference.
  const [unknown, differences] = [audited.filter(isUnknown), audited.filter((one) => !isUnknown(one))];
  for (const { message } of unknown) sights.miss('kernel', message);
  if (policies !== undefined && policies.unseen !== '') sights.miss('policies', policies.unseen);
  if (services !== undefined && services.unseen !== '') sights.miss('services', services.unseen);
  return {
    unseen: sights.unseen,
    version,
    underlay,
    vni: config.vxlan.vni,
    notices,
    differences,
    repairs: audit.repairs(),
    features,
    withoutFeatures: [
      ...config.dataplane.without,
      ...(config.pathMtu.outerFragmentation ? [] : ['outerFragmentation']),
    ],
    residual,
    recent: { ...counts, examples, roundaboutProbes: roundaboutProbes(parts) },
    store: inspectStore({ stateDir: config.stateDir, identity, podDamage, failing: parts.state.failing() }),
    peers,
    podsInside,
    ways,
    policies: policies?.facts,
    services: services?.facts,
    unaskedPods: parts.unaskedPods(),
    canAsk,
  };
}

const unknownWays: KernelWays = { diverted: [], rules: [], queuePackets: undefined, tracked: undefined };

function wayQuestions({ config, gossip, pods, identity }: DoctorParts): WayQuestions {
  return {
    tunDevice: config.tun.device,
    pods: pods
      .list()
      .filter(({ state }) => state !== 'gone')
      .map(({ name, hostDevice, addresses }) => {
        return { name, device: hostDevice, addresses: addresses.flatMap((text) => parseIpAddress(text) ?? []) };
      }),
    peers: gossip
      .members()
      .filter(({ state, announcement }) => state === 'alive' && announcement.identity !== identity)
      .map(({ announcement: { name, prefixes } }) => ({ name, prefixes })),
  };
}

async function readUnderlay(
  { config, ...parts }: DoctorParts,
  overlayMtuBytes: number,
  sights: Sights,
): Promise<UnderlayFacts> {
  const { interface: device, address, reason } = parts.underlay();
  const links = await sights.look('devices', listLinks, []);
  const link = links.find(({ ifname }) => ifname === device);
  return {
    device,
    configuredDevice: config.underlay.interface,
    address: formatIpAddress(address),
    mtuBytes: overlayMtuBytes + OVERHEAD_BYTES[address.family],
    isMtuConfigured: config.underlay.mtuBytes !== undefined,
    deviceMtuBytes: link?.mtu,
    reason,
  };
}

/** It says no more than that a table could not be looked at. */
function isUnknown({ subject }: Difference): boolean {
  return subject === UNSEEN_SUBJECT;
}

function translationsOf({ gossip }: DoctorParts, identity: string): TranslationFacts[] {
  const { translations = [] } = (identity === '' ? undefined : gossip.sightingOf(identity)) ?? {};
  return translations.map(({ carrier, from, announced, messages, lastMs }) => ({
    carrier,
    from: formatEndpoint(from),
    announced: formatEndpoint(announced),
    messages,
    last: new Date(lastMs + gossip.clockOffsetMs()).toISOString(),
  }));
}

/** By name: of a member that nobody knows any more, there is nothing to say. */
function roundaboutProbes({ gossip }: DoctorParts): Record<string, number> {
  const { probesRoundabout } = gossip.statistics();
  return Object.fromEntries(
    gossip
      .members()
      .filter(({ state }) => state === 'alive')
      .flatMap(({ announcement: { identity, name } }) => {
        const inARow = probesRoundabout[identity];
        return inARow === undefined ? [] : [[name, inARow] as const];
      }),
  );
}
