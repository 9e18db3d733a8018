/**
 * The composition root: the one place that knows every room and connects them.
 *
 *     configuration -> underlay -> identity -> dataplane (TUN, sockets) -> host network -> pods -> gossip -> doors
 *
 * When members change, routes are resolved, and the workers get a new forwarding state. Everything that was opened is
 * closed in the reverse order, at the end as well as when the start fails half-way.
 */
import { join } from 'node:path';
import type { Logger } from '../env/logger.ts';
import { nodeAddressIn } from '../ipam/pool.ts';
import { FileStore } from '../linux/file-store.ts';
import type { Announcement } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import type { Notice } from './api.ts';
import type { Config } from './config.ts';
import { ControlServer } from './control-server.ts';
import { refuseIfTaken } from './control-socket.ts';
import { Dataplane } from './dataplane.ts';
import { Gossip } from './gossip.ts';
import { MetricsServer } from './metrics-server.ts';
import { Metrics } from './metrics.ts';
import { macOfIdentity, openNodeIdentity } from './node-identity.ts';
import { NodeNetwork } from './node-network.ts';
import { OverlayRoutes } from './overlay-routes.ts';
import { Pods } from './pods.ts';
import { checkRequirements } from './requirements.ts';
import { resolveSeeds } from './seeds.ts';
import { StatusView } from './status-view.ts';
import { chooseUnderlay } from './underlay.ts';
import { readVersion } from './version.ts';

/** What VXLAN puts around an inner IP packet: outer IP, UDP (8), VXLAN (8) and inner Ethernet (14) headers, in bytes. */
const OVERHEAD_BYTES = { 4: 50, 6: 70 } as const;

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
  const seeds = await resolveSeeds(config.gossip.seeds);
  const underlay = await chooseUnderlay(config, seeds.endpoints);
  const { interface: device, reason } = underlay;
  logger.info({ interface: device, address: formatIpAddress(underlay.address), reason }, 'underlay picked');

  const { identity, incarnation } = openNodeIdentity(new FileStore(join(config.stateDir, 'identity.json')));
  const mac = macOfIdentity(identity);
  const mtuBytes = underlay.mtuBytes - OVERHEAD_BYTES[underlay.address.family];
  const nodeAddresses = config.nodePrefixes.map(nodeAddressIn);

  const dataplane = await Dataplane.start({
    tunDevice: config.tun.device,
    underlayAddress: underlay.address,
    vxlanPort: config.vxlan.port,
    vni: config.vxlan.vni,
    overlayMtuBytes: mtuBytes,
    workers: 1,
    mac,
  });
  opened.defer(() => dataplane.stop());

  const network = { tunDevice: config.tun.device, mtuBytes, nodeAddresses, nodePrefixes: config.nodePrefixes };
  const host = new NodeNetwork({ ...network, clusterPrefixes: config.clusterPrefixes, logger });
  notices.push(...(await host.ensure()));
  const pods = new Pods({
    ...network,
    networkName: config.networkName,
    store: new FileStore(join(config.stateDir, 'pods.json')),
    wallClockMs: Date.now,
    logger,
  });
  const reconciled = await pods.reconcile();
  logger.info({ ...reconciled }, 'pods reconciled');

  const routes = new OverlayRoutes({
    clusterPrefixes: config.clusterPrefixes,
    staticPeers: config.staticPeers,
    mtuBytes,
    wallClockMs: Date.now,
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
    capabilities: [],
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
    mtuBytes,
    mac,
    nodeAddresses,
    dataplane,
    gossip,
    routes,
    pods,
    notices,
  });
  const metrics = new Metrics(() => view.status());
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
  for (const notice of notices) logger.warn({ code: notice.code }, notice.message);

  const failure = new Promise<Error>((resolve) => dataplane.onDeath(resolve));
  const running = opened.move();
  return { failure, close: () => running.disposeAsync() };
}
