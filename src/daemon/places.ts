/**
 * Who is meant by what a person writes: `web`, `n2/web`, `n2`, `10.244.2.7`.
 *
 * Names of nodes come first: a pod that is called like a node is meant by `NODE/POD`.
 */
import { ConflictError, NotFoundError } from '../errors.ts';
import type { Member } from '../membership/announcement.ts';
import type { ResolvedRoute } from '../routing/resolve-routes.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../wire/prefix.ts';
import type { ClusterPod, ClusterPods, SilentNode } from './cluster-pods.ts';

/** One end of what is looked at. */
export interface Place {
  readonly kind: 'pod' | 'node' | 'address';
  /** What may be written to mean this one again: `n2/web`, `n2`, an address. */
  readonly label: string;
  /** Name of the node that it is at, a static peer included; empty for an address to which no route leads. */
  readonly node: string;
  /** Its addresses in the overlay; of an address, that one. */
  readonly addresses: readonly IpAddress[];
  /** Empty, or why it may not be what was meant: a pod that is gone. */
  readonly remark: string;
}

export interface PlacesOptions {
  readonly pods: ClusterPods;
  /** All members, this node included, those that are there before those that are gone. */
  readonly members: () => readonly Member[];
  /** Names of static peers. */
  readonly staticPeers: readonly string[];
  readonly routes: () => readonly ResolvedRoute[];
  readonly clusterPrefixes: readonly Prefix[];
}

export class Places {
  readonly #options: PlacesOptions;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /**
   * @throws NotFoundError `place-unknown`, naming what it could be, and who could not be asked
   * @throws ConflictError `place-ambiguous`, naming the pods of that name
   */
  async find(text: string): Promise<Place> {
    const address = parseIpAddress(text);
    if (address !== undefined) return this.#ofAddress(address);
    const slash = text.indexOf('/');
    if (slash !== -1) return this.#podOf(text.slice(0, slash), text.slice(slash + 1));
    return this.#node(text) ?? (await this.#pod(text));
  }

  #ofAddress(address: IpAddress): Place {
    const label = formatIpAddress(address);
    const covering = this.#options
      .routes()
      .filter(({ prefix }) => prefixContains(prefix, address))
      .sort((a, b) => b.prefix.lengthBits - a.prefix.lengthBits)[0];
    const node = covering?.owner.name ?? '';
    return { kind: 'address', label, node, addresses: [address], remark: node === '' ? this.#whyNowhere(address) : '' };
  }

  #whyNowhere(address: IpAddress): string {
    const { clusterPrefixes } = this.#options;
    return clusterPrefixes.some((prefix) => prefixContains(prefix, address))
      ? `no node has announced a prefix with ${formatIpAddress(address)} in it: packets to it are dropped`
      : `not in ${clusterPrefixes.map(formatPrefix).join(' or ')}: packets to it do not go through weft`;
  }

  #node(name: string): Place | undefined {
    const member = this.#options.members().find(({ announcement }) => announcement.name === name);
    const isStatic = this.#options.staticPeers.includes(name);
    if (member === undefined && !isStatic) return undefined;
    const state = member?.state ?? 'alive';
    const isGone = state === 'dead' || state === 'left';
    const addresses = member?.announcement.nodeAddresses ?? [];
    const remark = isGone && !isStatic ? `gossip takes ${name} for ${state}, so that nothing is sent to its pods` : '';
    return { kind: 'node', label: name, node: name, addresses, remark };
  }

  async #podOf(node: string, name: string): Promise<Place> {
    if (this.#node(node) === undefined) throw unknown(`${node}/${name}: there is no node ${node}`);
    const pod = (await this.#options.pods.of(node)).find((one) => one.name === name);
    if (pod === undefined) throw unknown(`there is no pod ${name} at node ${node}`);
    return placeOf(pod);
  }

  async #pod(name: string): Promise<Place> {
    const { pods, silent } = await this.#options.pods.all();
    const [found, ...more] = pods.filter((one) => one.name === name);
    if (found === undefined) {
      throw unknown(`${name} is no address, and there is no node and no pod of this name${excuse(silent)}`);
    }
    if (more.length === 0) return placeOf(found);
    const labels = [found, ...more].map((pod) => `${pod.node}/${pod.name}`);
    throw new ConflictError('place-ambiguous', `there are several pods ${name}: say which of ${labels.join(', ')}`, {
      candidates: labels,
    });
  }
}

function placeOf({ node, name, addresses, state }: ClusterPod): Place {
  return {
    kind: 'pod',
    label: `${node}/${name}`,
    node,
    addresses: addresses.flatMap((text) => parseIpAddress(text) ?? []),
    remark: state === 'running' ? '' : `pod ${name} is gone: its network namespace went away without "weft pod rm"`,
  };
}

function unknown(message: string): NotFoundError {
  return new NotFoundError('place-unknown', message);
}

/** A name that was not found may be that of a pod at a node that could not be asked. */
function excuse(silent: readonly SilentNode[]): string {
  const [first] = silent;
  if (first === undefined) return '';
  const nodes = silent.map(({ node }) => node).join(', ');
  return `; but ${nodes} could not be asked: ${first.message}`;
}
