/**
 * The composition root: the one place that knows every room and connects them.
 *
 *     configuration -> underlay -> identity -> dataplane (TUN, sockets) -> host network -> pods -> gossip -> doors
 *
 * When members change, routes are resolved, and the workers get a new forwarding state. Everything that was opened is
 * closed in the reverse order, at the end as well as when the start fails half-way.
 */
import { join } from 'node:path';
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import type { Logger } from '../env/logger.ts';
import { nodeAddressIn } from '../ipam/pool.ts';
import { FileStore } from '../linux/file-store.ts';
import { listLinks } from '../linux/link.ts';
import type { Announcement } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress } from '../wire/address.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import type { Notice } from './api.ts';
import type { Config } from './config.ts';
import { ControlServer } from './control-server.ts';
import { refuseIfTaken } from './control-socket.ts';
import { Dataplane, MAX_ROUTES } from './dataplane.ts';
import { Gossip } from './gossip.ts';
import { HostWatch } from './host-watch.ts';
import { MetricsServer } from './metrics-server.ts';
import { Metrics } from './metrics.ts';
import { macOfIdentity, openNodeIdentity } from './node-identity.ts';
import { NodeNetwork } from './node-network.ts';
import { OverlayRoutes, REMOTE_CHECKSUM } from './overlay-routes.ts';
import { refuseSecondDaemon } from './own-links.ts';
import { PathProber } from './path-prober.ts';
import { Pods } from './pods.ts';
import { checkRequirements } from './requirements.ts';
import { resolveSeeds } from './seeds.ts';
import { StatusView } from './status-view.ts';
import { systemClock, systemRandom } from './system-environment.ts';
import { chooseUnderlay } from './underlay.ts';
import { readVersion } from './version.ts';

/** A daemon that runs. */
export interface Daemon {
  /** Resolves, with its error, when a worker died. Never rejects. */
  readonly failure: Promise<Error>;
  /** Closes everything. What the next start takes over stays: pods, leases, routes, the TUN device. */
  close(): Promise<void>;
}

/** Starts everything. @throws WeftError naming what is missing, taken or wrong; nothing stays open then. */
export async function composeDaemon(config: Config, logger: Logger): Promise<Daemon> {
  await using opened = new AsyncDisposableStack();
  const notices: Notice[] = [...checkRequirements()];
  await refuseIfTaken(config.control.socket);
  await refuseIfTaken(config.control.readOnlySocket);
  refuseSecondDaemon(await listLinks(), config.tun.device);
  const seeds = await resolveSeeds(config.gossip.seeds);
  const underlay = await chooseUnderlay(config, seeds.endpoints);
  const { interface: device, reason } = underlay;
  logger.info({ interface: device, address: formatIpAddress(underlay.address), reason }, 'underlay picked');

  const { identity, incarnation } = openNodeIdentity(new FileStore(join(config.stateDir, 'identity.json')));
  const mac = macOfIdentity(identity);
  const mtuBytes = underlay.mtuBytes - OVERHEAD_BYTES[underlay.address.family];
  const deviceMtuBytes = mtuOfDevices(mtuBytes, config.nodePrefixes);
  const nodeAddresses = config.nodePrefixes.map(nodeAddressIn);

  const dataplane = await Dataplane.start({
    tunDevice: config.tun.device,
    underlayAddress: underlay.address,
    vxlanPort: config.vxlan.port,
    vni: config.vxlan.vni,
    overlayMtuBytes: deviceMtuBytes,
    outerFragmentation: config.pathMtu.outerFragmentation,
    nodeAddresses,
    mac,
    ...config.dataplane,
  });
  opened.defer(() => dataplane.stop());

  const network = {
    tunDevice: config.tun.device,
    mtuBytes: deviceMtuBytes,
    nodeAddresses,
    nodePrefixes: config.nodePrefixes,
  };
  const host = new NodeNetwork({ ...network, clusterPrefixes: config.clusterPrefixes, logger });
  const watch = await HostWatch.start({ ensure: () => host.ensure(), logger });
  opened.defer(() => watch.stop());
  const pods = new Pods({
    ...network,
    networkName: config.networkName,
    store: new FileStore(join(config.stateDir, 'pods.json')),
    wallClockMs: Date.now,
    logger,
  });
  const reconciled = await pods.reconcile();
  logger.info({ ...reconciled }, 'pods reconciled');

  const paths = config.pathMtu.probing
    ? new PathProber({
        clock: systemClock,
        random: systemRandom,
        channel: dataplane.probes,
        sentPacketsTo: (peer) => dataplane.sentTo(peer).packets,
        onChange: () => routes.pathsChanged(),
      })
    : undefined;
  opened.defer(() => paths?.close());
  const remoteChecksum = !config.dataplane.without.includes('remoteChecksum');
  const routes: OverlayRoutes = new OverlayRoutes({
    clusterPrefixes: config.clusterPrefixes,
    staticPeers: config.staticPeers,
    mtuBytes,
    maxRoutes: MAX_ROUTES,
    wallClockMs: Date.now,
    sentTo: (peer) => dataplane.sentTo(peer),
    paths,
    remoteChecksum,
    publish: (state) => dataplane.publish(state),
  });
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
    capabilities: remoteChecksum ? [REMOTE_CHECKSUM] : [],
  };
  const gossip = await Gossip.open({
    announcement,
    incarnation,
    seeds: config.gossip.seeds,
    store: new FileStore(join(config.stateDir, 'members.json')),
    logger,
    onChange: (self, others) => routes.update(self, others),
  });
  opened.defer(() => gossip.close());

  const view = new StatusView({
    config,
    identity,
    underlay,
    mtuBytes: deviceMtuBytes,
    mac,
    nodeAddresses,
    dataplane,
    gossip,
    routes,
    pods,
    notices: () => [...notices, ...watch.notices()],
  });
  const metrics = new Metrics(
    () => view.status(),
    () => routes.peers(gossip.clockOffsetMs()),
  );
  const handlers = {
    status: () => view.status(),
    peers: () => routes.peers(gossip.clockOffsetMs()),
    routes: () => routes.routes(),
    pods: () => pods.list(),
    addPod: pods.add.bind(pods),
    removePod: pods.remove.bind(pods),
    metrics: () => metrics.text(),
    version: readVersion,
  };
  for (const [socketPath, readOnly] of [
    [config.control.socket, false],
    [config.control.readOnlySocket, true],
  ] as const) {
    const server = await ControlServer.open({ socketPath, readOnly, handlers, logger });
    opened.defer(() => server.close());
    notices.push(...server.notices);
  }
  if (config.metrics.address !== undefined) {
    const server = await MetricsServer.open(config.metrics.address, metrics);
    opened.defer(() => server.close());
  }
  logger.info(
    {
      node: config.nodeName,
      identity,
      endpoint: formatEndpoint(announcement.gossipEndpoint),
      prefixes: config.nodePrefixes.map(formatPrefix),
    },
    'ready',
  );
  for (const notice of [...notices, ...watch.notices()]) logger.warn({ code: notice.code }, notice.message);

  const failure = new Promise<Error>((resolve) => dataplane.onDeath(resolve));
  const running = opened.move();
  return { failure, close: () => running.disposeAsync() };
}

/** MTU of the TUN device and of pods. Below its minimum a device has no IPv6: packets are then fitted to their path instead. */
function mtuOfDevices(overlayMtuBytes: number, nodePrefixes: readonly Prefix[]): number {
  const hasIpv6 = nodePrefixes.some(({ address }) => address.family === 6);
  return hasIpv6 ? Math.max(overlayMtuBytes, IPV6_MIN_MTU) : overlayMtuBytes;
}
