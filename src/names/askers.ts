/**
 * Who may ask, told by the address that a question comes from: the node itself, its pods, and what comes through the overlay.
 *
 * The kernel lets a pod send under its own addresses only, and the dataplane takes from a peer only what that peer's prefixes hold. So
 * an address stands for its pod; see docs/trust.md. Everybody else is a stranger: names are no open resolver.
 */
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { prefixContains, type Prefix } from '../wire/prefix.ts';

/** A pod of this node. */
export interface AskingPod {
  /** Of its veth pair, the node's end: names it. */
  readonly device: string;
  readonly addresses: readonly IpAddress[];
  /** What it is a router of: whoever is behind it asks in its name. */
  readonly allowSources: readonly Prefix[];
}

/** The asker that is this node. */
export const NODE_ITSELF = 'node';

export class Askers {
  readonly #clusterPrefixes: readonly Prefix[];
  #own: ReadonlySet<string> = new Set();
  #byAddress: ReadonlyMap<string, string> = new Map();
  #behind: readonly { readonly prefix: Prefix; readonly device: string }[] = [];

  constructor(clusterPrefixes: readonly Prefix[]) {
    this.#clusterPrefixes = clusterPrefixes;
  }

  /** @param own addresses that this node asks from: those at which it answers. */
  update(own: readonly IpAddress[], pods: readonly AskingPod[]): void {
    this.#own = new Set(own.map(formatIpAddress));
    this.#byAddress = new Map(
      pods.flatMap(({ device, addresses }) => addresses.map((address) => [formatIpAddress(address), device])),
    );
    this.#behind = pods.flatMap(({ device, allowSources }) => allowSources.map((prefix) => ({ prefix, device })));
  }

  /** Who asks from `source`: what rates and shares are counted by; `undefined`: a stranger. */
  find(source: IpAddress): string | undefined {
    const text = formatIpAddress(source);
    if (this.#own.has(text) || isLoopback(source)) return NODE_ITSELF;
    const device =
      this.#byAddress.get(text) ?? this.#behind.find(({ prefix }) => prefixContains(prefix, source))?.device;
    if (device !== undefined) return device;
    return this.#clusterPrefixes.some((prefix) => prefixContains(prefix, source)) ? text : undefined;
  }
}

function isLoopback({ family, bytes }: IpAddress): boolean {
  return family === 4 ? bytes[0] === 127 : bytes.every((octet, at) => octet === (at === 15 ? 1 : 0));
}
