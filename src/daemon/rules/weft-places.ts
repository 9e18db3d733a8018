/** Addresses and ports at which weft itself is, on this node and on others: no service gets them, or it would cut nodes off from each other. */
import { frontendKey } from '../../services/service-planner.ts';
import type { ServiceProtocol } from '../../services/service.ts';
import { type Endpoint, equalIpAddresses, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import type { NodeSets } from './node-sets.ts';

/** What this node has beside data and gossip. */
export interface OwnPlaces {
  /** All of its addresses, of underlay and overlay. */
  readonly addresses: readonly IpAddress[];
  /** `undefined`: it has no metrics server. */
  readonly metrics: Endpoint | undefined;
}

/** Keys as `frontendKey` makes them. @param nodes all that are known */
export function weftPlaces(
  nodes: Pick<NodeSets, 'data4' | 'data6' | 'gossip4' | 'gossip6'>,
  { addresses, metrics }: OwnPlaces,
): ReadonlySet<string> {
  const keys = new Set<string>();
  const put = (elements: ReadonlySet<string>, protocols: readonly ServiceProtocol[]): void => {
    for (const element of elements) {
      // `198.18.0.2 . 4789`
      const [address, port] = element.split(' . ');
      for (const protocol of protocols) keys.add(`${address} ${protocol} ${port}`);
    }
  };
  for (const family of [4, 6] as const) {
    put(nodes[`data${family}`], ['UDP']);
    put(nodes[`gossip${family}`], ['TCP', 'UDP']);
  }
  const isEverywhere = metrics !== undefined && ['0.0.0.0', '::'].some((any) => isAt(metrics.address, any));
  const served = isEverywhere ? addresses : metrics === undefined ? [] : [metrics.address];
  for (const address of served) keys.add(frontendKey({ address, protocol: 'TCP', port: metrics!.port }));
  return keys;
}

function isAt(address: IpAddress, text: string): boolean {
  return equalIpAddresses(address, parseIpAddress(text)!);
}
