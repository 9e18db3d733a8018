/**
 * The composition root: the one place that knows every room and connects them.
 *
 *     configuration -> Kubernetes -> underlay -> identity -> dataplane (TUN, sockets) -> host network -> pods -> gossip -> policy -> doors
 *
 * Each subsystem has a part of its own, `compose-NAME.ts`, or the `compose…` of its room. What a part opens is closed in the
 * reverse order, at the end as well as when the start fails half-way.
 */
import type { Logger } from '../env/logger.ts';
import { ExhaustedError } from '../errors.ts';
import { listLinks } from '../linux/link.ts';
import { realtimeAheadNs } from '../linux/clock.ts';
import { preferThreads } from '../linux/thread-priority.ts';
import { hostPodsAmong } from '../kubernetes/host-pods.ts';
import type { Member } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import type { Notice } from '../api/control-api.ts';
import { OwnPrefixes } from './routes/own-prefixes.ts';
import { NftChanges } from './audit/nft-changes.ts';
import { ownTables } from './host/own-changes.ts';
import { composeAudit } from './compose-audit.ts';
import { composeControl } from './compose-control.ts';
import { composeDataplane } from './compose-dataplane.ts';
import { composeDirectory } from './compose-directory.ts';
import { composeGossip, type ComposedGossip } from './compose-gossip.ts';
import { composeHost, startHost } from './compose-host.ts';
import { composeKubernetes, followKubernetes, tellTroubles } from './compose-kubernetes.ts';
import { composeNames, type ComposedNames, isSettled } from './compose-names.ts';
import { composePods, startAttachments, startPods } from './compose-pods.ts';
import { podsOfKubernetes } from './policy/unasked-pods.ts';
import { type ComposedPolicy, composePolicy, policiesOfKubernetes, policiesOfRulebook } from './compose-policy.ts';
import { composeBalancer, type ComposedBalancer, linkPrefixesAtStart } from './compose-balancer.ts';
import { composeRulebook } from './compose-rulebook.ts';
import type { RulebookHandlerParts } from './rulebook/rulebook-handlers.ts';
import { type ComposedServices, composeServices, forgetServices, prefixesWithout } from './compose-services.ts';
import { composeRoutes } from './compose-routes.ts';
import type { Composition } from './composition.ts';
import type { Config } from './config/config.ts';
import { composeDiagnosis, type Diagnosis } from './diagnosis.ts';
import { refuseIfTaken } from './doors/door-socket.ts';
import { RecordedDenials } from './explain/recorded-denials.ts';
import { RecordedPackets } from './explain/recorded-packets.ts';
import type { OwnPodsTeller } from './gossip/own-pods-teller.ts';
import { resolveSeeds } from './gossip/seeds.ts';
import { refuseSecondDaemon } from './host/own-links.ts';
import type { HostWatch } from './host/host-watch.ts';
import { checkRequirements } from './host/requirements.ts';
import { openNodeState } from './node-state.ts';
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import type { DepartedNodes } from './kubernetes/departed-nodes.ts';
import { kubernetesNameOf } from './pods/kubernetes-pod.ts';
import { hiddenNamespacesNotices } from './pods/hidden-namespace.ts';
import { isFromHere } from './policy/packet-direction.ts';
import { EventLog } from './process/event-log.ts';
import { namesStatus } from './names/names-status.ts';
import { directoryNotices } from './places/directory-handlers.ts';
import { Pace } from './process/pace.ts';
import type { ThreadReserve } from './process/thread-reserve.ts';
import { startOf } from './process/start-event.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { Resources } from './resources.ts';
import { readRuleCounts } from './rules/node-table.ts';
import { weftPlaces } from './rules/weft-places.ts';
import { RefusedTraffic } from './rules/refused-traffic.ts';
import { servicesOfKubernetes, servicesOfRulebook } from './service-source.ts';
import { withAssignments, withoutServices } from './services/assigned-wishes.ts';
import { StatusView } from './status-view.ts';
import { thisNode } from './this-node.ts';
import { followUnderlay } from './underlay/underlay-follower.ts';
import { chooseUnderlay } from './underlay/underlay.ts';

/** How old a list of devices may be when something is decided by it, in ms: to list them takes 20, on a busy node hundreds. */
const LISTED_GOOD_FOR_MS = 2_000;

/** A daemon that runs. */
export interface Daemon {
  /** Resolves, with its error, when a worker died. Never rejects. */
  readonly failure: Promise<Error>;
  /** Reads again what may change while it runs: the key file. */
  reload(): void;
  /** Whether it can go on after an error that nobody caught: it was for want of descriptors, processes or memory. */
  survives(error: unknown): boolean;
  /** Has {@link close} say no goodbye to other nodes: the next daemon takes over at once, and they go on sending. */
  handOver(): void;
  /** Closes everything. What the next start takes over stays: pods, leases, routes, the TUN device. */
  close(): Promise<void>;
}

/** What was there before, and what may end it all. */
export interface Beginning {
  /** Opened before a daemon's turn comes, as it takes a while; `undefined`: the configuration does not want it. */
  readonly api: ApiMirror | undefined;
  /** Those that gossip, and that collect garbage for it: what the process had before the daemon made any of its own. */
  readonly threads: readonly number[];
  /** Threads whose programs are loaded already. */
  readonly reserve: ThreadReserve;
  /** Whether another daemon worked on this node until now: what it made is in the kernel, and is right, or nearly so. */
  readonly isSuccessor: boolean;
  /** Ends the waiting for what comes from elsewhere. */
  readonly ending: AbortSignal;
}

/**
 * Starts everything. What waits for somebody else is ended by `ending`.
 *
 * @throws WeftError naming what is missing, taken or wrong; nothing stays open then.
 * @throws the reason of `ending`
 */
export async function composeDaemon(
  given: Config,
  logger: Logger,
  { api, threads, reserve, isSuccessor, ending }: Beginning,
): Promise<Daemon> {
  // Packets of all pods wait for a successor; on a busy node it would wait for its turn again and again.
  if (isSuccessor) preferThreads(threads);
  await using opened = new AsyncDisposableStack();
  const notices: Notice[] = [...checkRequirements(), ...hiddenNamespacesNotices()];
  const events = new EventLog(Date.now);
  const resources = new Resources(given, events, logger);
  opened.defer(() => resources.close());
  await refuseIfTaken({ path: given.control.socket, key: 'control.socket' });
  await refuseIfTaken({ path: given.control.readOnlySocket, key: 'control.readOnlySocket' });
  let links = await listLinks();
  const listedAtMs = systemClock.nowMs();
  refuseSecondDaemon(links, given.tun.device);
  const state = openNodeState(given, events, logger);
  opened.defer(() => state.directory.close());
  const { identity } = state.nodeIdentity;
  const { keys } = state;
  const inKubernetes = await composeKubernetes({ config: given, events, logger, opened }, { api, state, ending });
  const config = inKubernetes?.config ?? given;
  const kubernetes = inKubernetes?.kubernetes;
  const composition: Composition = { config, events, logger, opened };
  const isOfKubernetes = api !== undefined && kubernetes !== undefined && config.kubernetes !== undefined;
  const internalAddresses = (): readonly IpAddress[] => kubernetes?.nodeAddresses() ?? [];
  const { endpoints: resolved } = await resolveSeeds(config.gossip.seeds);
  const seeds = [...resolved, ...(kubernetes?.seeds() ?? [])];
  // Looked at once for all who ask, unless prefixes or names of seeds had to be waited for.
  if (systemClock.nowMs() - listedAtMs > LISTED_GOOD_FOR_MS) links = await listLinks();
  const underlay = await chooseUnderlay(config, seeds, undefined, undefined, internalAddresses(), links);
  logger.info({ ...underlay, address: formatIpAddress(underlay.address) }, 'underlay picked');
  const node = thisNode(config, identity, underlay, keys?.ring.ids);
  const nodesKnown = [underlay.address, ...seeds.map(({ address }) => address)];
  const servicePrefixes = prefixesWithout(nodesKnown, config.services.prefixes, (prefix, address) =>
    logger.warn({ prefix, address }, 'services get no address of this prefix: a node has one of it on the underlay'),
  );

  // Threads take longest to start: that of names does so at the same time as those that forward.
  const starting = composeDataplane(composition, node, { reserve, links });
  const prefixes = new OwnPrefixes(config.nodePrefixes);
  const nftChanges = new NftChanges(ownTables);
  // Before what goes by the prefixes: those behind pods are known from here on.
  const members = (): readonly Member[] => gossip.current().others;
  let named: ComposedNames | undefined;
  let teller: OwnPodsTeller | undefined;
  let policy: ComposedPolicy | undefined;
  let services: ComposedServices | undefined;
  let balancer: ComposedBalancer | undefined;
  const pods = composePods(composition, {
    node,
    prefixes,
    state: state.directory,
    members,
    witness: nftChanges,
    toldOf: (record) => {
      const known = kubernetes && kubernetesNameOf(record);
      return known && kubernetes.toldOf(known);
    },
    edge: {
      expect: async (pod) => policy?.edges.expect(pod),
      prepare: async (record) => policy?.edges.prepare(record),
      release: async (record) => policy?.edges.release(record),
    },
    onChange: () => {
      named?.podsChanged();
      teller?.soon();
      policy?.facts.ownPodsChanged();
    },
  });
  // As early as pods are known, and at the end among the last: as long as they are not answered, clients wait.
  let everybody: (() => readonly Member[]) | undefined;
  const isClusterKnown = (): boolean =>
    everybody !== undefined && isSettled(gossip, everybody()) && directory.behind().length === 0;
  named = composeNames(composition, {
    node,
    pods,
    podsOf: (identity) => index.of(identity),
    members: () => everybody?.() ?? [],
    isSettled: () => isClusterKnown(),
    // In Kubernetes, the DNS of the cluster has them.
    ...(!isOfKubernetes &&
      config.services.enabled && {
        services: {
          prefixes: servicePrefixes,
          list: () => services?.named() ?? [],
          isSettled: () => services?.areNamesKnown() ?? false,
        },
      }),
    resources,
    reserve,
  });
  const dataplane = await starting;
  const host = composeHost(composition, {
    node,
    prefixes,
    servicePrefixes: () => services?.prefixes() ?? [],
    seeds,
    witness: nftChanges,
  });
  const settle = async () => {
    const watch = await startHost(composition, host, prefixes);
    // Where names are answered is there from here on, also after the first start.
    named?.podsChanged();
    const spoofing = await startPods(composition, pods);
    const attachments = await startAttachments(composition, pods, ({ name, wish, attachment }, error) => {
      const known = kubernetesNameOf({ name, namespace: wish.namespace, attachment });
      if (error instanceof ExhaustedError && error.code === 'pool-exhausted' && known !== undefined)
        kubernetes?.tellExhausted(known, error.message);
    });
    return { watch, spoofing, attachments };
  };
  // Nothing is forwarded before gossip begins. What keeps packets where they belong is there before that, and after another daemon it is
  // there already: pods are waiting, and it is looked at later.
  const isInPlace = isSuccessor && (await readRuleCounts()) !== undefined;
  const settled = isInPlace ? undefined : await settle();
  const pace = new Pace(systemClock);
  const { routes, paths } = composeRoutes(composition, {
    node,
    dataplane,
    pace,
    onRoutes: (inUse) => policy?.facts.routesChanged(inUse),
  });
  events.add('configuration', startOf(config, node.announcement));
  const { firewall } = host;
  let departed: DepartedNodes | undefined;
  const onMembers: ComposedNames['membersChanged'] = (changes) => {
    named?.membersChanged(changes);
    departed?.look();
    policy?.facts.membersChanged(changes);
    balancer?.update();
  };
  const composed = composeDirectory(composition, {
    node,
    pods,
    routes,
    member: (one) => gossip.member(one),
    onChange: (identities) => {
      named?.nodesChanged(identities);
      policy?.facts.directoryChanged(identities);
    },
  });
  const { directory, index } = composed;
  teller = composed.teller;
  const rulebook = composeRulebook(composition, state);
  const linkPrefixes = linkPrefixesAtStart(composition, links);
  const parts = {
    node,
    state,
    prefixes,
    routes,
    directory,
    rulebook: rulebook.rulebook,
    firewall,
    resources,
    pace,
    linkPrefixes,
    onMembers,
  };
  const { gossip, histograms }: ComposedGossip = await composeGossip(composition, parts);
  everybody = () => gossip.members();
  if (kubernetes !== undefined)
    departed = followKubernetes(composition, kubernetes, {
      gossip,
      firewall,
      seeds: resolved,
      onPods: () => teller?.soon(),
    });
  let watch: HostWatch | undefined;
  if (config.services.enabled) {
    const serviceSource = isOfKubernetes
      ? servicesOfKubernetes(api, config.kubernetes.nodeName)
      : servicesOfRulebook(rulebook, config.nodeName, isClusterKnown);
    services = composeServices(composition, serviceSource, {
      node,
      prefixes: servicePrefixes,
      witness: nftChanges,
      onServices: () => void watch?.look(),
      onBackends: () => balancer?.update(),
      onNames: () => named?.servicesChanged(),
    });
    balancer = composeBalancer(composition, {
      identity,
      services,
      gossip,
      isClusterKnown,
      api: isOfKubernetes ? api : undefined,
      linkPrefixes,
    });
    const composedServices = services;
    firewall.listen((nodes) => {
      const own = { addresses: composedServices.ownAddresses(), metrics: config.metrics.address };
      composedServices.reserve(weftPlaces(nodes, own));
    });
  } else await forgetServices();
  const source = isOfKubernetes
    ? policiesOfKubernetes(api, kubernetes, config.kubernetes.nodeName)
    : policiesOfRulebook(rulebook, config.nodeName);
  policy = composePolicy(composition, source, {
    node,
    state: state.directory,
    pods,
    directory,
    mayHave: composed.mayHave,
    members: everybody,
    isSettled: isClusterKnown,
    routes,
    witness: nftChanges,
    podFollower: services?.podFollower,
  });
  const { watch: hostWatch, spoofing, attachments } = settled ?? (await settle());
  watch = hostWatch;
  // It was made before anything was known of services.
  if ((services?.prefixes().length ?? 0) > 0) void watch.look();
  const known = {
    directory,
    index,
    nodeName: config.nodeName,
    own: () => pods.list(),
    members: () => gossip.members(),
    nowMs: () => systemClock.nowMs(),
  };
  const follower = followUnderlay({
    config,
    underlay,
    seeds,
    internalAddresses,
    dataplane,
    gossip,
    onMoved: (moved) => {
      firewall.update({ underlay: moved });
      services?.movedTo(moved.address);
    },
    events,
    logger,
  });
  opened.defer(() => follower.stop());
  const audited = {
    gossip,
    routes,
    dataplane,
    host: { ...host, watch: hostWatch },
    pods,
    policy,
    services,
    kubernetes,
  };
  const audit = await composeAudit(composition, { ...audited, node, nftChanges, follower });
  const rules = opened.use(await RefusedTraffic.ofNode({ pods, events, logger }));
  const recordedDenials = new RecordedDenials({
    realtimeAheadNs,
    nowNs: () => process.hrtime.bigint(),
    isOutward: (packet) => isFromHere(packet, prefixes.current()),
  });
  if (dataplane.recorder !== undefined) policy?.log.follow((packets) => recordedDenials.hear(packets));
  const recorded = new RecordedPackets(dataplane.recorder, Math.round(performance.timeOrigin), recordedDenials);

  const ownNotices = (): Notice[] => [
    ...notices,
    ...state.directory.notices(),
    ...resources.notices(),
    ...hostWatch.notices(),
    ...pods.sources.notices(),
    ...(named?.names.notices() ?? []),
    ...composed.teller.notices(),
    ...(kubernetes?.notices() ?? []),
    ...(policy?.notices() ?? []),
    ...(services?.notices() ?? []),
    ...(balancer?.notices() ?? []),
    ...directoryNotices(known),
  ];
  let diagnosed: Diagnosis | undefined;
  const view = new StatusView({
    config,
    node,
    dataplane,
    recorded,
    gossip,
    routes,
    pods,
    spoofing,
    policyDenied: () => policy?.denials.total ?? 0,
    policyLog: () => policy?.log.counts ?? { denied: 0, wouldDeny: 0, lost: 0 },
    rules,
    underlay: () => follower.underlay,
    names: () => namesStatus(config, named?.names),
    kubernetes: () => kubernetes?.status() ?? null,
    audit: () => audit.summary(),
    notices: () => [...ownNotices(), ...follower.notices(), ...(diagnosed?.notices() ?? [])],
  });
  const diagnosis = await composeDiagnosis({
    config,
    logger,
    events,
    dataplane,
    resources,
    recorded,
    gossip,
    keys,
    routes,
    paths,
    pods,
    directory,
    index,
    prefixes,
    spoofing,
    audit,
    identity,
    incarnations: state.incarnations,
    state: state.directory,
    underlay: () => follower.underlay,
    overlayMtuBytes: node.deviceMtuBytes,
    policyPlan: async () => policy?.enforcement.confirmedPlan(),
    knownFrontends: async () => services?.enforcement.confirmedSize(),
    policy,
    policyNotices: () => [...(kubernetes?.notices() ?? []), ...(policy?.notices() ?? []), ...directoryNotices(known)],
    policyNodeAt: (address) => policy?.nodeAt(address),
    serviceAddresses: services && ((namespace, name) => services?.addressesOf(namespace, name)),
    serviceChoice: async (packet, isInside) => services?.choices.of(packet, isInside),
    followDenied: (follower) => policy?.log.follow(follower),
    policyDrops: () => policy?.denials.byRule() ?? [],
    hostPods: () => hostPodsAmong(api?.pods.values() ?? []),
    unaskedPods: () => (kubernetes === undefined ? podsOfKubernetes(pods.leased().map(({ record }) => record)) : []),
    surveyPolicies: async () => policy?.survey(),
    surveyServices: async () => {
      const survey = await services?.survey();
      if (survey === undefined || balancer === undefined || survey.unseen !== '') return survey;
      return { ...survey, facts: { ...survey.facts, balancer: await balancer.survey() } };
    },
    status: () => view.status(),
  });
  opened.defer(() => diagnosis.close());
  diagnosed = diagnosis;
  const told = {
    view,
    gossip,
    histograms,
    keys,
    routes,
    pods,
    attachments,
    directory,
    known,
    audit,
    rules,
    diagnosis,
    resources,
    rulebook: {
      ...rulebook,
      isOfKubernetes,
      complete: (wishes) =>
        services === undefined
          ? withoutServices(wishes)
          : withAssignments(wishes, rulebook.objects.assignedServices(), {
              prefixes: servicePrefixes,
              pools: config.services.pools,
              hosts: gossip.members().map(({ announcement }) => announcement.gossipEndpoint.address),
              random: systemRandom,
            }),
      enforced: async () => [...((await policy?.followed()) ?? []), ...((await services?.followed()) ?? [])],
    } satisfies RulebookHandlerParts,
    services: services && {
      ...services.known,
      nodeName: config.nodeName,
      balancer: balancer?.announcements,
      notices: () => [...(services?.notices() ?? []), ...(balancer?.notices() ?? [])],
    },
  };
  notices.push(...(await composeControl(composition, told)));
  logger.info(
    {
      node: config.nodeName,
      identity,
      endpoint: formatEndpoint(node.announcement.gossipEndpoint),
      prefixes: config.nodePrefixes.map(formatPrefix),
    },
    'ready',
  );
  for (const notice of [...ownNotices(), ...gossip.notices()]) logger.warn({ code: notice.code }, notice.message);

  // Gossip that comes late takes healthy nodes for dead ones.
  const precedence = preferThreads(threads);
  if (precedence !== 'real-time')
    logger.info(
      { precedence },
      'gossip does not run in real time, and may be late on a busy node: give the daemon CAP_SYS_NICE, a control group ' +
        'that allows real time, and a C library with sched_setscheduler (not musl)',
    );
  if (kubernetes !== undefined) {
    kubernetes.serve();
    tellTroubles(composition, kubernetes, {
      gossip,
      routes,
      mtuBytes: node.mtuBytes,
      notices: () => view.status().notices,
    });
  }
  const failure = new Promise<Error>((resolve) => dataplane.onDeath(resolve));
  void failure.then(() => gossip.endSilently());
  const running = opened.move();
  return {
    failure,
    reload: () => keys?.reload(),
    survives: (error) => resources.survives(error),
    handOver: () => gossip.endSilently(),
    close: () => running.disposeAsync(),
  };
}
