/** What pods of the whole cluster are called, for those who look at their packets. */
import type { DirectoryReport } from '../api/directory-api.ts';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';

/** Names by address. */
export class PodNames {
  readonly #byAddress: ReadonlyMap<string, string>;

  /** @param pods as the directory has them. Of two with one address, the one that was not superseded counts. */
  constructor(pods: DirectoryReport['pods'] = []) {
    const inOrder = pods.toSorted((a, b) => Number(b.superseded) - Number(a.superseded));
    this.#byAddress = new Map(
      inOrder.flatMap(({ node, namespace, name, addresses }) => {
        const label = namespace === DEFAULT_NAMESPACE ? `${node}/${name}` : `${node}/${namespace}/${name}`;
        return addresses.map((address) => [address, label] as const);
      }),
    );
  }

  /** `n1/web`, or `n1/shop/web` of another namespace than the default one; `undefined` if no pod has the address. */
  of(address: string): string | undefined {
    return this.#byAddress.get(address);
  }
}
