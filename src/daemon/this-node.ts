/** What this node is in the overlay, and what it announces of itself: it follows from configuration, identity and underlay. */
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import { GEAR, RELAY, REMOTE_CHECKSUM } from '../forwarding/active-peers.ts';
import { nodeAddressIn } from '../ipam/pool.ts';
import type { Announcement } from '../membership/announcement.ts';
import { NACK_CAPABILITY } from '../membership/failure-detector.ts';
import type { IpAddress, MacAddress } from '../wire/address.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { Config } from './config/config.ts';
import { readVersion } from './process/version.ts';
import { REMOTE } from './remote/remote.ts';
import { macOfIdentity } from './state/node-identity.ts';
import type { Underlay } from './underlay/underlay.ts';

export interface ThisNode {
  readonly identity: string;
  /** The one that was chosen at the start: it may be another by now. */
  readonly underlay: Underlay;
  readonly mac: MacAddress;
  /** One in each node prefix. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Of the overlay, in bytes: what it announces. */
  readonly mtuBytes: number;
  /** Of the TUN device and of pods, in bytes. */
  readonly deviceMtuBytes: number;
  /** Whether it takes packets with VXLAN Remote Checksum Offload. */
  readonly remoteChecksum: boolean;
  /** Of a node that has just started, and knows of no prefixes but those of its configuration. */
  readonly announcement: Announcement;
}

/** @param keyIds of the keys that it holds; `undefined`: gossip is not authenticated. */
export function thisNode(
  config: Config,
  identity: string,
  underlay: Underlay,
  keyIds: readonly string[] | undefined,
): ThisNode {
  const mac = macOfIdentity(identity);
  const nodeAddresses = config.nodePrefixes.map(nodeAddressIn);
  const mtuBytes = underlay.mtuBytes - OVERHEAD_BYTES[underlay.address.family];
  const remoteChecksum = !config.dataplane.without.includes('remoteChecksum');
  return {
    identity,
    underlay,
    mac,
    nodeAddresses,
    mtuBytes,
    deviceMtuBytes: mtuOfDevices(mtuBytes, config.nodePrefixes),
    remoteChecksum,
    announcement: {
      identity,
      name: config.nodeName,
      network: config.networkName,
      gossipEndpoint: { address: underlay.address, port: config.gossip.port },
      dataEndpoints: [{ gear: GEAR, endpoint: { address: underlay.address, port: config.vxlan.port } }],
      mac,
      nodeAddresses,
      prefixes: config.nodePrefixes,
      mtuBytes,
      version: readVersion().version,
      capabilities: [
        ...(remoteChecksum ? [REMOTE_CHECKSUM] : []),
        ...(config.relay ? [RELAY] : []),
        ...(keyIds === undefined ? [] : [REMOTE]),
        NACK_CAPABILITY,
      ],
      keyIds: keyIds ?? [],
      pathReports: [],
    },
  };
}

/** MTU of the TUN device and of pods. Below its minimum a device has no IPv6: packets are then fitted to their path instead. */
function mtuOfDevices(overlayMtuBytes: number, nodePrefixes: readonly Prefix[]): number {
  const hasIpv6 = nodePrefixes.some(({ address }) => address.family === 6);
  return hasIpv6 ? Math.max(overlayMtuBytes, IPV6_MIN_MTU) : overlayMtuBytes;
}
