/** Captures of this node, put together. Clients do not ask the control server for them: they have a door of their own. */
import { titleOf } from '../pods/pod-key.ts';
import { parseIpAddress, type IpAddress } from '../../wire/address.ts';
import { NotFoundError } from '../../errors.ts';
import type { Pod } from '../../api/control-api.ts';
import { captureSocketPath } from '../../api/capture-api.ts';
import { realtimeAheadNs } from '../../linux/clock.ts';
import { Captures } from './captures.ts';
import { DeniedTaps } from './denied-taps.ts';
import type { Places } from '../places/places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import type { Config } from '../config/config.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Logger } from '../../env/logger.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { Gossip } from '../gossip/gossip.ts';
import { namedPods } from '../places/named-pods.ts';
import { parsePodWords } from '../places/pod-words.ts';
import type { Pods } from '../pods/pods.ts';
import type { DeniedPacket } from '../policy/policy-log.ts';
import { isFromHere } from '../policy/packet-direction.ts';
import type { OwnPrefixes } from '../routes/own-prefixes.ts';

/** What is captured, and who is told. */
export interface CaptureParts {
  readonly config: Config;
  readonly dataplane: Dataplane;
  /** How many may be connected at one time. */
  readonly mostClients: () => number;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly routes: OverlayRoutes;
  readonly gossip: Gossip;
  readonly pods: Pods;
  readonly prefixes: OwnPrefixes;
  /** Has somebody told of packets that network policies deny. */
  readonly followDenied: (follower: (packets: readonly DeniedPacket[]) => void) => void;
}

/** Opens the door. */
export async function composeCaptures(
  parts: CaptureParts,
  remotes: RemoteNodes,
  places: Pick<Places, 'find'>,
): Promise<Captures> {
  const { config, dataplane, mostClients, events, logger, routes, gossip, pods, prefixes, followDenied } = parts;
  const { remote, remoteRateBytes, remoteSizeBytes } = config.capture;
  const denied = new DeniedTaps(realtimeAheadNs, (packet) => isFromHere(packet, prefixes.current()));
  followDenied((packets) => denied.record(packets));
  return await Captures.start({
    nodeName: config.nodeName,
    socketPath: captureSocketPath(config.control.socket),
    mostClients,
    workers: dataplane.workers,
    setCaptures: (orders) => dataplane.setCaptures(orders),
    setDenied: (taps) => denied.set(taps),
    podAddresses: async (name) => addressesOf(name, pods.list(), config.nodeName, places),
    isPeer: (name) => routes.peers(0).some((peer) => peer.name === name),
    obeyed: async () => dataplane.obeyed(),
    routes,
    peers: () => routes.peers(gossip.clockOffsetMs()),
    remotes,
    remoteLimits: { isAllowed: remote, bytesPerSecond: remoteRateBytes, maxBytes: remoteSizeBytes },
    events,
    logger,
    wallClockMs: Date.now,
    nowMs: () => performance.now(),
  });
}

/**
 * Of the pod of this node with that name, else of the one of the cluster: a capture of several nodes is of one pod, wherever it is.
 *
 * @throws NotFoundError `pod-unknown`; ConflictError `place-ambiguous`
 */
export async function addressesOf(
  name: string,
  pods: readonly Pick<Pod, 'namespace' | 'name' | 'addresses' | 'attachment'>[],
  nodeName: string,
  places: Pick<Places, 'find'>,
): Promise<readonly IpAddress[]> {
  const { title } = parsePodWords(name);
  const pod = namedPods(pods).find((one) => titleOf(one) === title);
  if (pod !== undefined) return pod.addresses.map((address) => parseIpAddress(address)!);
  const own = `${nodeName} has no pod ${name}: it has ${pods.map(titleOf).join(', ') || 'none'}`;
  try {
    const { kind, addresses } = await places.find(name);
    if (kind === 'pod') return addresses;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new NotFoundError('pod-unknown', `${own}; in the cluster, ${error.message}`);
  }
  throw new NotFoundError('pod-unknown', `${own}; for an address or a node, filter by "host ADDRESS" or --peer`);
}
