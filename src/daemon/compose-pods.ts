/** The pods of this node, put together, and what looks after them while the daemon runs. */
import { join } from 'node:path';
import { openBootClock } from '../linux/boot-clock.ts';
import { SPOOL_DIRECTORY } from '../linux/cni-spool.ts';
import { canBeAnnounced } from '../membership/announcement-codec.ts';
import type { Member } from '../membership/announcement.ts';
import type { OwnPrefixes } from './routes/own-prefixes.ts';
import type { NftWitness } from '../linux/nft-owned-tables.ts';
import type { Composition } from './composition.ts';
import type { Config } from './config/config.ts';
import { POD_GATEWAY } from './host/pod-devices.ts';
import { Attachments, type AttachmentsOptions } from './cni/attachments.ts';
import { GonePods } from './pods/gone-pods.ts';
import type { PodEdge, PodsOptions } from './pods/known-pods.ts';
import { Pods } from './pods/pods.ts';
import type { PodResolver } from './pods/pod-resolver-file.ts';
import { PODS_JOURNAL } from './pods/stored-pods.ts';
import { type SpoofWatch, watchSpoofing } from './pods/spoof-watch.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { ThisNode } from './this-node.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';

export interface PodParts {
  readonly node: ThisNode;
  /** Those behind pods are in it from here on. */
  readonly prefixes: OwnPrefixes;
  readonly state: Pick<StateDirectory, 'journal'>;
  /** Other members. */
  readonly members: () => readonly Member[];
  /** Knows what others changed in nftables. */
  readonly witness: NftWitness;
  /** As in `PodsOptions`. */
  readonly toldOf: NonNullable<PodsOptions['toldOf']>;
  /** What stands where cables of pods meet the node. */
  readonly edge: PodEdge;
  /** Is told whenever something may have changed a pod. */
  readonly onChange: () => void;
}

/** All summaries take as much of an announcement. */
const ANY_PODS = { version: 1, digest: '0'.repeat(16), pods: 0 };

/** Reads those that are stored. Nothing is changed yet. @throws WeftError `store-corrupt` */
export function composePods({ config, logger }: Composition, parts: PodParts): Pods {
  const { node, prefixes, state, members, witness, toldOf, edge, onChange } = parts;
  return new Pods({
    tunDevice: config.tun.device,
    mtuBytes: node.deviceMtuBytes,
    nodeAddresses: node.nodeAddresses,
    prefixes,
    clusterPrefixes: config.clusterPrefixes,
    networkName: config.networkName,
    netnsPrefix: config.pods.netnsPrefix,
    staticPeers: config.staticPeers,
    members,
    canAnnounce: (all) => canBeAnnounced({ ...node.announcement, prefixes: all, podSummary: ANY_PODS }),
    journal: state.journal(PODS_JOURNAL),
    bootClock: openBootClock(),
    nftWitness: witness,
    wallClockMs: Date.now,
    resolver: resolverOfPods(config, node.nodeAddresses),
    toldOf,
    edge,
    onChange,
    logger,
  });
}

/** Whom pods ask for names: their gateway; where there is no IPv4, the node itself, since that of IPv6 is another one at each device. */
function resolverOfPods({ names }: Config, nodeAddresses: readonly IpAddress[]): PodResolver | undefined {
  const [address] = nodeAddresses;
  if (!names.enabled || address === undefined) return undefined;
  const hasIpv4 = nodeAddresses.some(({ family }) => family === 4);
  return { server: hasIpv4 ? POD_GATEWAY[4] : formatIpAddress(address), search: [names.domain.join('.')] };
}

/** Interfaces of containers, of which those go at once that were given up while no daemon ran. To be called when the pods are there. */
export async function startAttachments(
  { config, logger, opened }: Composition,
  pods: Pods,
  onRefused: NonNullable<AttachmentsOptions['onRefused']>,
): Promise<Attachments> {
  const spoolDirectory = join(config.stateDir, SPOOL_DIRECTORY);
  const { enabled, domain } = config.names;
  const namesDomain = enabled ? domain.join('.') : undefined;
  const attachments = new Attachments({ pods, spoolDirectory, namesDomain, onRefused, logger });
  opened.defer(await attachments.start());
  return attachments;
}

/** Makes them what their records say, once the network of the node is there, and looks after them from then on. */
export async function startPods({ config, events, logger, opened }: Composition, pods: Pods): Promise<SpoofWatch> {
  const reconciled = await pods.reconcile();
  logger.info({ ...reconciled }, 'pods reconciled');
  const gonePods = new GonePods({
    freeAfterMs: config.pods.freeAfterMs,
    gone: () => pods.gone(),
    free: (key) => pods.freeGone(key),
    events,
    nowMs: () => performance.now(),
  }).start();
  opened.defer(() => gonePods.stop());
  const spoofing = watchSpoofing(pods, events);
  opened.defer(() => spoofing.stop());
  return spoofing;
}
