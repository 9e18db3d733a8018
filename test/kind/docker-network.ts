/** The network of kind's nodes: which of its addresses are for services. Pure. */
import { offeredAt, offeredBy, parsePool } from '../../src/services/address-pool.ts';
import { formatIpAddress } from '../../src/wire/address.ts';

/** Addresses for load balancers, of each family. */
const POOL_SIZE = 51;

/**
 * The last ones of each subnet: the engine gives out the first.
 *
 * @param inspected what `docker network inspect kind` prints
 */
export function poolsOf(inspected: string): string[] {
  const [network] = JSON.parse(inspected) as { IPAM: { Config: { Subnet: string }[] } }[];
  return network!.IPAM.Config.map(({ Subnet: subnet }) => {
    const pool = parsePool(subnet)!;
    const count = offeredBy(pool);
    const [first, last] = [count - POOL_SIZE, count - 1].map((at) => formatIpAddress(offeredAt(pool, at)));
    return `${first}-${last}`;
  });
}
