/**
 * Who is meant by what a person writes: `web`, `shop/web`, `n2/web`, `n2/shop/web`, `n2`, `10.244.2.7`; as kubectl has it, `deploy/web`,
 * `shop/deploy/web`: the first pod of it, `svc/web`, `shop/svc/web`: the addresses of a service; or, as DNS has it, `web.shop.weft.internal`,
 * `n2.node.weft.internal`, `web.shop.svc.weft.internal`.
 *
 * Names of nodes come first: a pod that is called like a node is meant by `NODE/POD`.
 */
import { ConflictError, NotFoundError, WeftError } from '../../errors.ts';
import { podTitle } from '../../directory/pod-name.ts';
import { formatWorkload } from '../../directory/workload.ts';
import { lowerCase } from '../../names/domain-name.ts';
import { type OverlayName, parseOverlayName } from '../../names/overlay-name.ts';
import type { SilentNode } from '../../api/silent-node.ts';
import type { Member } from '../../membership/announcement.ts';
import { longestMatch } from '../../routing/longest-match.ts';
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../../wire/prefix.ts';
import type { ClusterPod, ClusterPods } from './cluster-pods.ts';
import { nearestName } from '../../api/nearest-name.ts';
import { formatService, madeBy, parsePodWords, parseServiceWords, titled, workloadNames } from './pod-words.ts';

/** One end of what is looked at. */
export interface Place {
  readonly kind: 'pod' | 'node' | 'address';
  /** What may be written to mean this one again: `n2/web`, `n2`, an address. */
  readonly label: string;
  /** Name of the node that it is at, a static peer included; empty for an address to which no route leads. */
  readonly node: string;
  /** Its addresses in the overlay; of an address, that one. */
  readonly addresses: readonly IpAddress[];
  /** Empty, or why it may not be what was meant: a pod that is gone, one of several of a Deployment. */
  readonly remark: string;
}

export interface PlacesOptions {
  readonly pods: ClusterPods;
  /** Pods that have the network of their node, as far as they are known: those of this node. */
  readonly hostPods?: () => readonly Pick<ClusterPod, 'node' | 'name'>[];
  /** All members, this node included, those that are there before those that are gone. */
  readonly members: () => readonly Member[];
  /** Names of static peers. */
  readonly staticPeers: readonly string[];
  /** In order of their prefixes. */
  readonly routes: () => readonly ResolvedRoute[];
  readonly clusterPrefixes: readonly Prefix[];
  /** Addresses that the name of a service stands for; `undefined`: there is no such service. Absent: others have the services. */
  readonly serviceAddresses?: ((namespace: string, name: string) => readonly IpAddress[] | undefined) | undefined;
  /** Labels of the domain that pods and nodes have names in; `undefined`: they have none. */
  readonly domain?: readonly string[] | undefined;
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
    const { domain } = this.#options;
    const named = domain && parseOverlayName(text, domain);
    if (named !== undefined) return this.#named(text, named);
    const service = parseServiceWords(text);
    const place = service && this.#service(text, service.namespace, service.name);
    if (place !== undefined) return place;
    const slash = text.indexOf('/');
    const first = text.slice(0, Math.max(0, slash));
    // A namespace that is called like a node is meant by NODE/NAMESPACE/POD.
    if (slash !== -1 && this.#node(first) !== undefined) return this.#podOf(first, text.slice(slash + 1));
    return this.#node(text) ?? (await this.#pod(text));
  }

  #ofAddress(address: IpAddress): Place {
    const label = formatIpAddress(address);
    const routes = this.#options.routes();
    const covering = routes[longestMatch(routes, address)];
    const node = covering?.owner.name ?? '';
    return { kind: 'address', label, node, addresses: [address], remark: node === '' ? this.#whyNowhere(address) : '' };
  }

  #service(text: string, namespace: string, name: string): Place | undefined {
    const addresses = this.#options.serviceAddresses?.(namespace, name);
    if (addresses === undefined) return undefined;
    if (addresses.length === 0) throw unknown(`service ${namespace}/${name} has no address`);
    const remark = `${text} is a service, which is no place of its own: name one of its pods, or ask weft explain`;
    return { kind: 'address', label: formatService(namespace, name), node: '', addresses, remark };
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

  /** A pod of that name before one of that workload: what is printed as `n1/deploy/web` means that pod. */
  async #podOf(node: string, text: string): Promise<Place> {
    const pods = await this.#podsOf(node);
    const words = parsePodWords(text);
    const [pod] = titled(pods, words);
    if (pod !== undefined) return placeOf(pod);
    const host = this.#hostPod(text, node);
    if (host !== undefined) return host;
    const made = madeBy(pods, words);
    if (made.length > 0) return firstOf(made, `${node}/${text}`);
    const names = [...pods.map(({ name }) => name), ...workloadNames(pods)].map((name) => `${node}/${name}`);
    const what = words.title === undefined && words.workload !== undefined ? `pod of ${text}` : `pod ${text}`;
    throw unknown(`there is no ${what} at node ${node}${meant(`${node}/${text}`, names)}`);
  }

  /** @throws as `ClusterPods.of`, and says what can be done where nobody else is asked: without authentication, always. */
  async #podsOf(node: string): Promise<readonly ClusterPod[]> {
    try {
      return await this.#options.pods.of(node);
    } catch (error) {
      const isSilent =
        error instanceof WeftError && (error.code.startsWith('remote-') || error.code === 'pods-unknown');
      if (!isSilent) throw error;
      throw new WeftError(error.code, `${error.message}; an address can be given instead of a pod`, error.details);
    }
  }

  async #pod(text: string): Promise<Place> {
    const { pods, silent } = await this.#options.pods.all();
    const words = parsePodWords(text);
    const [found, made] = [titled(pods, words), madeBy(pods, words)];
    if (found.length === 0 && made.length > 0) return firstOf(made, text);
    if (found.length === 1 && made.length === 0) return placeOf(found[0]!);
    const host = found.length === 0 ? this.#hostPod(text) : undefined;
    if (host !== undefined) return host;
    if (found.length === 0) throw unknown(`${this.#whyNobody(text, pods)}${excuse(silent)}`);
    const labels = found.map(labelOf);
    const { workload } = words;
    const candidates = made.length === 0 ? labels : [...labels, `${workload!.namespace}/${formatWorkload(workload!)}`];
    const several = made.length === 0 ? 'there are several pods' : 'there are a pod and a workload that are called';
    throw new ConflictError('place-ambiguous', `${several} ${text}: say which of ${candidates.join(', ')}`, {
      candidates,
    });
  }

  /** The node of a pod that has its network. @param at a node; absent: whichever */
  #hostPod(text: string, at?: string): Place | undefined {
    const { title } = parsePodWords(text);
    const found = this.#options.hostPods?.().find(({ node, name }) => name === title && node === (at ?? node));
    const place = found && this.#node(found.node);
    if (place === undefined) return undefined;
    const what = `${title} has the network of ${place.node}: to others it is its node, and network policies do not select it`;
    return { ...place, remark: place.remark === '' ? what : `${what}; ${place.remark}` };
  }

  /** That a text means nobody, and who was probably meant. */
  #whyNobody(text: string, pods: readonly ClusterPod[]): string {
    const { title, workload } = parsePodWords(text);
    const nodes = this.#nodeNames();
    const workloads = workloadNames(pods);
    const names = [...pods.map(labelOf), ...pods.map(({ name }) => name)];
    const hint = meant(text, [...nodes, ...names, ...workloads]);
    if (workload !== undefined) {
      const { kind, name, namespace } = workload;
      const elsewhere = workloads.filter((one) => one.endsWith(`/${formatWorkload(workload)}`));
      const other = elsewhere.length === 0 ? hint : `: there is ${elsewhere.join(', ')}`;
      return `${text}: no pod of a ${kind} ${name} in namespace ${namespace} is known${other}`;
    }
    const service = this.#options.serviceAddresses && parseServiceWords(text);
    if (service !== undefined) return `${text}: there is no service ${service.namespace}/${service.name}`;
    if (!text.includes('/')) return `${text} is no address, and there is no node and no pod of this name${hint}`;
    const [node = '', ...rest] = text.split('/');
    const nodeHint = meant(node, nodes);
    const isPod = title === undefined ? '' : `, and no pod ${rest.at(-1)!} in a namespace ${node}`;
    return `${text}: there is no node ${node}${isPod}${nodeHint === '' ? hint : nodeHint}`;
  }

  /** Whom DNS means: of several pods, the one at the node whose name comes first. */
  async #named(text: string, named: OverlayName): Promise<Place> {
    if (named.kind === 'service') {
      const place = this.#service(text, named.namespace, named.name);
      if (place === undefined) throw unknown(`${text}: there is no service ${named.namespace}/${named.name}`);
      return place;
    }
    const node = named.node === undefined ? undefined : this.#node(named.node);
    if (named.node !== undefined && node === undefined)
      throw unknown(`${text}: there is no node ${named.node}${meant(named.node, this.#nodeNames())}`);
    if (named.kind === 'node') return node!;
    const { pods, silent } =
      node === undefined ? await this.#options.pods.all() : { pods: await this.#podsOf(node.node), silent: [] };
    const titles = named.candidates.map(({ namespace, name }) => podTitle(namespace, name));
    // One that is gone has no name in DNS; here it is found, and that is said.
    const inOrder = pods.toSorted((a, b) => Number(a.state === 'gone') - Number(b.state === 'gone') || byNode(a, b));
    const found = titles.map((title) => inOrder.find(({ name }) => lowerCase(name) === title)).find((pod) => pod);
    if (found !== undefined) return placeOf(found);
    const where = node === undefined ? '' : ` at node ${node.node}`;
    const hint = meant(
      titles[0]!,
      pods.map(({ name }) => name),
    );
    throw unknown(`${text}: there is no pod ${titles.join(', and none called ')}${where}${hint}${excuse(silent)}`);
  }

  #nodeNames(): readonly string[] {
    const { members, staticPeers } = this.#options;
    return [...members().map(({ announcement }) => announcement.name), ...staticPeers];
  }
}

function byNode(a: ClusterPod, b: ClusterPod): number {
  return a.node < b.node ? -1 : Number(a.node > b.node);
}

function labelOf({ node, name }: ClusterPod): string {
  return `${node}/${name}`;
}

/** The first of the pods of a workload, and that it is that one. */
function firstOf(pods: readonly ClusterPod[], text: string): Place {
  const place = placeOf(pods[0]!);
  const which = pods.length === 1 ? 'its only pod' : `the first of its ${pods.length} pods`;
  const remark = `${text} is taken as ${place.label}, ${which}`;
  return { ...place, remark: place.remark === '' ? remark : `${remark}; ${place.remark}` };
}

function placeOf(pod: ClusterPod): Place {
  const { node, name, addresses, state } = pod;
  return {
    kind: 'pod',
    label: labelOf(pod),
    node,
    addresses: addresses.flatMap((text) => parseIpAddress(text) ?? []),
    remark:
      state === 'gone'
        ? `pod ${name} is gone: its network namespace went away without "weft pod rm"`
        : state === 'disconnected'
          ? `pod ${name} is disconnected: the node's end of its cable is gone, and weft puts it back`
          : '',
  };
}

function unknown(message: string): NotFoundError {
  return new NotFoundError('place-unknown', message);
}

/** What was probably meant: the namespace of pod p1 of n1 is called n1-p1 in a lab, and the pod n1/p1 here. */
function meant(name: string, candidates: readonly string[]): string {
  const sameWords = candidates.find((candidate) => candidate.replace('/', '-') === name);
  const nearest = sameWords ?? nearestName(name, candidates);
  return nearest === undefined ? '' : `: did you mean ${nearest}?`;
}

/** A name that was not found may be that of a pod at a node that could not be asked. */
function excuse(silent: readonly SilentNode[]): string {
  const [first] = silent;
  if (first === undefined) return '';
  const nodes = silent.map(({ node }) => node).join(', ');
  return `; but ${nodes} could not be asked: ${first.message}`;
}
