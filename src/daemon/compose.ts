/**
 * The composition root: the one place that knows every room and connects them.
 *
 *     configuration -> underlay -> identity -> dataplane (TUN, sockets) -> host network -> pods -> gossip -> doors
 *
 * When members change, routes are resolved, and the workers get a new forwarding state. Everything that was opened is
 * closed in the reverse order, at the end as well as when the start fails half-way.
 */
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import type { Logger } from '../env/logger.ts';
import { nodeAddressIn } from '../ipam/pool.ts';
import { listLinks } from '../linux/link.ts';
import { preferThreads, presentThreads } from '../linux/thread-priority.ts';
import { canBeAnnounced } from '../membership/announcement-codec.ts';
import type { Announcement } from '../membership/announcement.ts';
import { NACK_CAPABILITY } from '../membership/failure-detector.ts';
import { formatEndpoint, formatIpAddress } from '../wire/address.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import { RELAY, REMOTE_CHECKSUM } from './routes/active-peers.ts';
import type { Notice } from './api.ts';
import { composeAudit } from './audit/compose-audit.ts';
import type { Config } from './config/config.ts';
import { refuseIfTaken } from './control/control-socket.ts';
import { Dataplane, MAX_ROUTES } from './dataplane.ts';
import { composeDiagnosis, type Diagnosis } from './diagnosis.ts';
import { digestOf } from './digest.ts';
import { EventLog } from './event-log.ts';
import { RecordedPackets } from './explain/recorded-packets.ts';
import { AnnouncementDelays } from './gossip/gossip-metrics.ts';
import { Gossip } from './gossip/gossip.ts';
import { HostWatch } from './audit/host-watch.ts';
import { keyHandlers } from './gossip/key-handlers.ts';
import { noteMember } from './gossip/member-history.ts';
import { Metrics } from './metrics.ts';
import { macOfIdentity } from './node-identity.ts';
import { NodeNetwork } from './node-network.ts';
import { NodeFirewall } from './rules/node-firewall.ts';
import { RefusedTraffic } from './rules/refused-traffic.ts';
import { OwnPrefixes } from './routes/own-prefixes.ts';
import { OverlayRoutes } from './routes/overlay-routes.ts';
import { refuseSecondDaemon } from './own-links.ts';
import { Pace } from './routes/pace.ts';
import { PathProber } from './routes/path-prober.ts';
import { PathReporter } from './routes/path-reporter.ts';
import { hiddenNamespacesNotices } from './pods/hidden-namespace.ts';
import { Pods } from './pods/pods.ts';
import { GonePods } from './pods/gone-pods.ts';
import { watchSpoofing } from './pods/spoof-watch.ts';
import { REMOTE } from './remote/remote.ts';
import { checkRequirements } from './requirements.ts';
import { Resources } from './resources.ts';
import { RouteHistory } from './routes/route-history.ts';
import { resolveSeeds } from './gossip/seeds.ts';
import { openNodeState } from './state/node-state.ts';
import { startOf } from './start-event.ts';
import { StatusView } from './status-view.ts';
import { systemClock, systemRandom } from './system-environment.ts';
import { TimerLateness } from './gossip/timer-lateness.ts';
import { followUnderlay } from './underlay/underlay-follower.ts';
import { chooseUnderlay } from './underlay/underlay.ts';
import { readVersion } from './version.ts';
import { WayHistory } from './routes/way-history.ts';

/** A daemon that runs. */
export interface Daemon {
  /** Resolves, with its error, when a worker died. Never rejects. */
  readonly failure: Promise<Error>;
  /** Reads again what may change while it runs: the key file. */
  reload(): void;
  /** Whether it can go on after an error that nobody caught: it was for want of descriptors, processes or memory. */
  survives(error: unknown): boolean;
  /** Closes everything. What the next start takes over stays: pods, leases, routes, the TUN device. */
  close(): Promise<void>;
}

/** Starts everything. @throws WeftError naming what is missing, taken or wrong; nothing stays open then. */
export async function composeDaemon(config: Config, logger: Logger): Promise<Daemon> {
  await using opened = new AsyncDisposableStack();
  const notices: Notice[] = [...checkRequirements(), ...hiddenNamespacesNotices()];
  const events = new EventLog(Date.now);
  const resources = await Resources.claim(config, events, logger);
  opened.defer(() => resources.close());
  await refuseIfTaken({ path: config.control.socket, key: 'control.socket' });
  await refuseIfTaken({ path: config.control.readOnlySocket, key: 'control.readOnlySocket' });
  refuseSecondDaemon(await listLinks(), config.tun.device);
  const { directory: state, nodeIdentity, incarnations, keys } = openNodeState(config, events, logger);
  opened.defer(() => state.close());
  const seeds = await resolveSeeds(config.gossip.seeds);
  const underlay = await chooseUnderlay(config, seeds.endpoints);
  logger.info({ ...underlay, address: formatIpAddress(underlay.address) }, 'underlay picked');

  const { identity, incarnation } = nodeIdentity;
  const mac = macOfIdentity(identity);
  const mtuBytes = underlay.mtuBytes - OVERHEAD_BYTES[underlay.address.family];
  const deviceMtuBytes = mtuOfDevices(mtuBytes, config.nodePrefixes);
  const nodeAddresses = config.nodePrefixes.map(nodeAddressIn);

  // Those that gossip, and that collect garbage for it. Workers come later, and stay as they are.
  const ownThreads = presentThreads();
  const dataplane = await Dataplane.start({
    tunDevice: config.tun.device,
    underlayAddress: underlay.address,
    vxlanPort: config.vxlan.port,
    vni: config.vxlan.vni,
    overlayMtuBytes: deviceMtuBytes,
    outerFragmentation: config.pathMtu.outerFragmentation,
    nodeAddresses,
    mac,
    faults: config.faults,
    recorderBytes: config.recorder.sizeBytes,
    ...config.dataplane,
  });
  opened.defer(() => dataplane.stop());

  const remoteChecksum = !config.dataplane.without.includes('remoteChecksum');
  const announcement: Announcement = {
    identity,
    name: config.nodeName,
    network: config.networkName,
    gossipEndpoint: { address: underlay.address, port: config.gossip.port },
    dataEndpoints: [{ gear: 'userspace', endpoint: { address: underlay.address, port: config.vxlan.port } }],
    mac,
    nodeAddresses,
    prefixes: config.nodePrefixes,
    mtuBytes,
    version: readVersion().version,
    capabilities: [
      ...(remoteChecksum ? [REMOTE_CHECKSUM] : []),
      ...(config.relay ? [RELAY] : []),
      ...(keys === undefined ? [] : [REMOTE]),
      NACK_CAPABILITY,
    ],
    keyIds: keys?.ring.ids ?? [],
    pathReports: [],
  };
  const prefixes = new OwnPrefixes(config.nodePrefixes);
  const { clusterPrefixes, staticPeers } = config;
  const network = { tunDevice: config.tun.device, mtuBytes: deviceMtuBytes, nodeAddresses, prefixes, clusterPrefixes };
  // Before what goes by the prefixes: those behind pods are known from here on.
  const pods = new Pods({
    ...network,
    networkName: config.networkName,
    netnsPrefix: config.pods.netnsPrefix,
    staticPeers,
    members: () => gossip.current().others,
    canAnnounce: (all) => canBeAnnounced({ ...announcement, prefixes: all }),
    store: state.file('pods.json'),
    wallClockMs: Date.now,
    logger,
  });
  const known = { underlay, seeds: seeds.endpoints, prefixes: prefixes.current() };
  const firewall = NodeFirewall.of(config, nodeAddresses, known, logger);
  opened.defer(() => firewall.stop());
  const host = new NodeNetwork({ ...network, firewall, logger });
  const watch = await HostWatch.start({ ensure: () => host.ensure(), logger });
  prefixes.onChange((current) => firewall.follow(current));
  prefixes.onChange(() => watch.look());
  const reconciled = await pods.reconcile();
  logger.info({ ...reconciled }, 'pods reconciled');

  const gonePods = new GonePods({
    freeAfterMs: config.pods.freeAfterMs,
    gone: () => pods.gone(),
    free: (name) => pods.freeGone(name),
    events,
    nowMs: () => performance.now(),
  }).start();
  opened.defer(() => gonePods.stop());

  const spoofing = watchSpoofing(pods, events);
  opened.defer(() => spoofing.stop());

  const pace = new Pace(systemClock);
  const paths = config.pathMtu.probing
    ? new PathProber({
        clock: systemClock,
        random: systemRandom,
        channel: dataplane.probes,
        sentPacketsTo: (peer) => routes.sentTo(peer).packets,
        onChange: () => routes.pathsChanged(),
        pace,
      })
    : undefined;
  opened.defer(() => paths?.close());
  const ways = new WayHistory(events);
  const history = new RouteHistory(events);
  const routes: OverlayRoutes = new OverlayRoutes({
    clusterPrefixes,
    staticPeers,
    mtuBytes,
    maxRoutes: MAX_ROUTES,
    wallClockMs: Date.now,
    sentTo: (peer) => dataplane.sentTo(peer),
    paths,
    remoteChecksum,
    relays: config.relay,
    publish: (state) => dataplane.publish(state),
    onWays: (inUse, isPeer) => ways.update(inUse, isPeer),
    onRoutes: (inUse) => history.update(inUse),
  });
  events.add('configuration', startOf(config, announcement));
  const delays = new AnnouncementDelays(systemClock.nowMs());
  const lateness = new TimerLateness(systemClock);
  const gossip: Gossip = await Gossip.open({
    clock: lateness,
    measuredPaths: () => routes.measuredPaths(),
    announcement: { ...announcement, prefixes: prefixes.announced() },
    incarnation,
    seeds: config.gossip.seeds,
    preset: config.gossip.preset,
    store: state.file('members.json'),
    keys,
    streams: resources.doors.streams,
    logger,
    pace,
    onChange: (self, others, changes) => {
      incarnations.used(self.incarnation);
      for (const change of changes) noteMember(events, change);
      routes.update(self, others);
      firewall.update({ members: others });
      for (const change of changes) delays.used(change, systemClock.nowMs());
    },
  });
  opened.defer(() => gossip.close());
  prefixes.onAnnouncement((announced) => gossip.announcePrefixes(announced));
  const reporter = new PathReporter({
    clock: systemClock,
    paths: () => routes.measuredPaths(),
    announced: () => gossip.current().self.announcement.pathReports,
    announce: (reports) => gossip.announcePaths(reports),
  });
  opened.defer(() => reporter.close());
  const follower = followUnderlay({
    config,
    underlay,
    seeds: seeds.endpoints,
    dataplane,
    gossip,
    onMoved: (moved) => firewall.update({ underlay: moved }),
    events,
    logger,
  });
  opened.defer(() => follower.stop());
  const audit = await composeAudit(opened, {
    config,
    daemon: { gossip, routes, dataplane, host, watch, pods },
    own: network,
    follower,
    events,
    logger,
  });

  const rules = opened.use(RefusedTraffic.ofNode({ pods, events, logger }));
  const recorded = new RecordedPackets(dataplane.recorder, Math.round(performance.timeOrigin));
  const ownNotices = (): Notice[] => [
    ...notices,
    ...state.notices(),
    ...resources.notices(),
    ...watch.notices(),
    ...pods.sources.notices(),
  ];
  let diagnosed: Diagnosis | undefined;
  const view = new StatusView({
    config,
    identity,
    underlay: () => follower.underlay,
    mtuBytes: deviceMtuBytes,
    mac,
    nodeAddresses,
    dataplane,
    recorded,
    gossip,
    routes,
    pods,
    spoofing,
    audit: () => audit.summary(),
    rules,
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
    prefixes,
    spoofing,
    audit,
    identity,
    incarnations,
    state,
    underlay: () => follower.underlay,
    overlayMtuBytes: deviceMtuBytes,
    status: () => view.status(),
  });
  opened.defer(() => diagnosis.close());
  diagnosed = diagnosis;
  const metrics = new Metrics(
    () => view.status(),
    () => routes.peers(gossip.clockOffsetMs()),
    { delays, lateness },
    () => diagnosis.remote.counters,
    resources.metrics,
  );
  const handlers = {
    status: async () => rules.look().then(() => view.status()),
    peers: () => routes.peers(gossip.clockOffsetMs()),
    forgetPeer: (node: string) =>
      gossip.forget(node).map(({ announcement: { name, identity } }) => ({ name, identity })),
    routes: () => routes.routes(),
    digest: () => digestOf(gossip.members(), routes.inUse),
    events: events.list.bind(events),
    lastAudit: () => audit.last(),
    audit: () => audit.run('request'),
    pods: async () => {
      await pods.lookInside();
      return pods.list();
    },
    addPod: pods.add.bind(pods),
    removePod: pods.remove.bind(pods),
    ...keyHandlers(keys),
    ...diagnosis.handlers,
    metrics: async () => rules.look().then(() => metrics.text()),
    version: readVersion,
  };
  opened.defer(() => resources.doors.close());
  notices.push(...(await resources.doors.openAll(config, { handlers, metrics })));
  logger.info(
    {
      node: config.nodeName,
      identity,
      endpoint: formatEndpoint(announcement.gossipEndpoint),
      prefixes: config.nodePrefixes.map(formatPrefix),
    },
    'ready',
  );
  for (const notice of [...ownNotices(), ...gossip.notices()]) logger.warn({ code: notice.code }, notice.message);

  // Gossip that comes late takes healthy nodes for dead ones.
  const precedence = preferThreads(ownThreads);
  if (precedence !== 'real-time')
    logger.info(
      { precedence },
      'gossip does not run in real time, and may be late on a busy node: give the daemon CAP_SYS_NICE, a control group ' +
        'that allows real time, and a C library with sched_setscheduler (not musl)',
    );
  const failure = new Promise<Error>((resolve) => dataplane.onDeath(resolve));
  void failure.then(() => gossip.endSilently());
  const running = opened.move();
  return {
    failure,
    reload: () => keys?.reload(),
    survives: (error) => resources.survives(error),
    close: () => running.disposeAsync(),
  };
}

/** MTU of the TUN device and of pods. Below its minimum a device has no IPv6: packets are then fitted to their path instead. */
function mtuOfDevices(overlayMtuBytes: number, nodePrefixes: readonly Prefix[]): number {
  const hasIpv6 = nodePrefixes.some(({ address }) => address.family === 6);
  return hasIpv6 ? Math.max(overlayMtuBytes, IPV6_MIN_MTU) : overlayMtuBytes;
}
