/** The node's own end of the overlay, put together: its device, addresses, routes and rules, and what keeps them as they should be. */
import type { OwnPrefixes } from './routes/own-prefixes.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { Composition } from './composition.ts';
import type { NftWitness } from '../linux/nft-owned-tables.ts';
import { HostWatch } from './host/host-watch.ts';
import { NodeNetwork } from './host/node-network.ts';
import { NodeFirewall } from './rules/node-firewall.ts';
import type { ThisNode } from './this-node.ts';

export interface HostParts {
  readonly node: ThisNode;
  readonly prefixes: OwnPrefixes;
  /** As in `NodeNetworkOptions`. */
  readonly servicePrefixes: () => readonly Prefix[];
  /** Those that were found at the start. */
  readonly seeds: readonly Endpoint[];
  /** Knows what others changed in nftables. */
  readonly witness: NftWitness;
}

export interface ComposedHost {
  readonly network: NodeNetwork;
  readonly firewall: NodeFirewall;
}

/** Nothing is made yet: see {@link startHost}. */
export function composeHost(
  { config, logger, opened }: Composition,
  { node, prefixes, servicePrefixes, seeds, witness }: HostParts,
): ComposedHost {
  const { nodeAddresses, underlay } = node;
  const known = { underlay, seeds, prefixes: prefixes.current() };
  const firewall = NodeFirewall.of(config, nodeAddresses, known, { witness, logger });
  opened.defer(() => firewall.stop());
  const network = new NodeNetwork({
    tunDevice: config.tun.device,
    mtuBytes: node.deviceMtuBytes,
    nodeAddresses,
    prefixes,
    clusterPrefixes: config.clusterPrefixes,
    servicePrefixes,
    firewall,
    logger,
  });
  return { network, firewall };
}

/** Makes everything. It follows the prefixes of this node from then on. */
export async function startHost(
  { logger }: Composition,
  { network, firewall }: ComposedHost,
  prefixes: OwnPrefixes,
): Promise<HostWatch> {
  const watch = await HostWatch.start({ ensure: () => network.ensure(), logger });
  prefixes.onChange((current) => firewall.follow(current));
  prefixes.onChange(() => watch.look());
  return watch;
}
