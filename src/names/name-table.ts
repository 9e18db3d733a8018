/**
 * Who has which name and which address: the pods, nodes and services of the cluster, as DNS looks them up.
 *
 *     web.shop         pod web of namespace shop; of several, the newest attachment at the first node, by the names of nodes
 *     web              the same in namespace default
 *     n2.node          node n2
 *     web.shop.svc     service web of namespace shop: see `service-names.ts`
 *     web.shop.n2.node pod web of namespace shop at node n2, whoever else has the name; web.n2.node: in namespace default
 *
 * Compact, since a copy of all pods of the cluster lies in the thread that answers: addresses are strings of 4 or 16 characters,
 * which are the keys of the index as well.
 */
import type { IpAddress } from '../wire/address.ts';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { MAX_NAME_LENGTH, parseDomainName } from './domain-name.ts';
import { addressKey, type KeptHolder, type NameHolder, toHolder } from './name-holder.ts';
import { type NamedService, SERVICE_LABEL, ServiceNames } from './service-names.ts';

/** A pod as its node says it. */
export interface NamedPod {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly IpAddress[];
}

/** A node that is there, and its pods. */
export interface NamedNode {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  /** The newest attachment last: of those with one name, it has it. */
  readonly pods: readonly NamedPod[];
}

/** Below it are the nodes. A namespace of this name has no names for its pods. */
export const NODE_LABEL = 'node';

interface Entry extends KeptHolder {
  readonly node: NodeEntry;
}

interface NodeEntry {
  /** Who says so: of two nodes of one name, both are known until one gives way. */
  readonly identity: string;
  readonly name: string;
  /** The node itself, and its pods: of each name the newest. */
  readonly entries: readonly Entry[];
  /** Pods that have a name which DNS cannot carry. */
  readonly unnameable: number;
}

export class NameTable {
  readonly #domainLength: number;
  readonly #nodes = new Map<string, NodeEntry>();
  /** By name. Several only where several claim it: the first one has it. */
  readonly #byName = new Map<string, Entry | readonly Entry[]>();
  readonly #byAddress = new Map<string, Entry>();
  /** Names that others lie below, and how many. */
  readonly #parents = new Map<string, number>();
  readonly #services: ServiceNames;
  #contested = 0;
  #changes = 0;

  /** @param domain below which the names are: with it, they must not be too long. */
  constructor(domain: readonly string[]) {
    this.#domainLength = domain.join('.').length;
    this.#services = new ServiceNames(domain);
  }

  /** Grows with every change: the serial number of the zone. */
  get changes(): number {
    return this.#changes;
  }

  /** Names of nodes, pods and services, each counted once. */
  get size(): number {
    return this.#byName.size + this.#services.size;
  }

  /** Names that pods of several nodes claim. */
  get contested(): number {
    return this.#contested;
  }

  /** Pods whose name DNS cannot carry, or would take for one of a node or a service. */
  get unnameable(): number {
    return [...this.#nodes.values()].reduce((sum, node) => sum + node.unnameable, 0);
  }

  /** Has `node` in the place of what was said under this identity before. */
  set(identity: string, node: NamedNode): void {
    this.delete(identity);
    const entry = this.#entryOf(identity, node);
    this.#nodes.set(identity, entry);
    for (const one of entry.entries) this.#insert(one);
    this.#changes++;
  }

  /** Forgets a node and its pods. */
  delete(identity: string): void {
    const node = this.#nodes.get(identity);
    if (node === undefined) return;
    this.#nodes.delete(identity);
    for (const entry of node.entries) this.#remove(entry);
    this.#changes++;
  }

  /** Has a service in the place of the one of this name. */
  setService(service: NamedService): void {
    this.#services.set(service);
    this.#changes++;
  }

  /** Forgets a service, if it is known. */
  deleteService(service: Pick<NamedService, 'namespace' | 'name'>): void {
    this.#services.delete(service);
    this.#changes++;
  }

  /** Who has the name within the domain, in lower case: `['web', 'shop']`. */
  holderOf(labels: readonly string[]): NameHolder | undefined {
    if (labels.at(-1) === SERVICE_LABEL) return this.#services.holderOf(labels);
    const entry = this.#find(labels);
    return entry && toHolder(entry);
  }

  /** Whether names lie below this one, which itself is nobody's: an empty non-terminal (RFC 8020). */
  hasBelow(labels: readonly string[]): boolean {
    if (labels.length === 1 && labels[0] === NODE_LABEL) return true;
    if (labels.at(-1) === SERVICE_LABEL) return this.#services.hasBelow(labels);
    if (this.#parents.has(labels.join('.'))) return true;
    const [node, path] = this.#atNode(labels);
    if (node === undefined || path.length === 0) return false;
    const suffix = `.${path.join('.')}`;
    return node.entries.some(({ name }) => {
      return name.endsWith(suffix) || (isDefault(name) && withoutNamespace(name).endsWith(suffix));
    });
  }

  /** Who has an address: a pod or a node, or else a service. */
  holderAt(address: IpAddress): NameHolder | undefined {
    const entry = this.#byAddress.get(addressKey(address));
    return entry === undefined ? this.#services.holderAt(address) : toHolder(entry);
  }

  /** Whether an address is that of a node itself. */
  isNodeAddress(address: IpAddress): boolean {
    return this.#byAddress.get(addressKey(address))?.name.endsWith(`.${NODE_LABEL}`) === true;
  }

  #find(labels: readonly string[]): Entry | undefined {
    const [node, path] = this.#atNode(labels);
    // A pod by its namespace comes before one of namespace default with a dot in its name.
    const names = [path.join('.'), `${path.join('.')}.${DEFAULT_NAMESPACE}`];
    if (node !== undefined && path.length > 0) {
      return names.map((name) => node.entries.find((entry) => entry.name === name)).find((entry) => entry);
    }
    const direct = [labels.join('.'), `${labels.join('.')}.${DEFAULT_NAMESPACE}`];
    const candidates = labels.at(-1) === NODE_LABEL ? direct.slice(0, 1) : direct;
    return candidates.map((name) => firstOf(this.#byName.get(name))).find((entry) => entry);
  }

  /** The node of `….n2.node`, and what is before that. */
  #atNode(labels: readonly string[]): readonly [NodeEntry | undefined, readonly string[]] {
    if (labels.length < 2 || labels.at(-1) !== NODE_LABEL) return [undefined, labels];
    const node = firstOf(this.#byName.get(labels.slice(-2).join('.')))?.node;
    return [node, labels.slice(0, -2)];
  }

  #entryOf(identity: string, { name, addresses, pods }: NamedNode): NodeEntry {
    const entries: Entry[] = [];
    const entry = { identity, name, entries, unnameable: 0 };
    const itself = this.#nameOf(name, NODE_LABEL);
    if (itself !== undefined) entries.push({ name: itself, node: entry, addresses: addresses.map(addressKey) });
    const taken = new Set<string>();
    for (const pod of pods.toReversed()) {
      const full = this.#nameOf(pod.name, pod.namespace);
      if (full === undefined || isTaken(full)) entry.unnameable++;
      else if (!taken.has(full)) entries.push({ name: full, node: entry, addresses: pod.addresses.map(addressKey) });
      if (full !== undefined) taken.add(full);
    }
    return entry;
  }

  /** `undefined` if DNS cannot carry it. */
  #nameOf(name: string, space: string): string | undefined {
    const labels = parseDomainName(`${name}.${space}`);
    const text = labels?.join('.') ?? '';
    return labels === undefined || text.length + 1 + this.#domainLength > MAX_NAME_LENGTH ? undefined : text;
  }

  #insert(entry: Entry): void {
    const others = listOf(this.#byName.get(entry.name));
    const before = others.filter((other) => isDueBefore(other, entry));
    const all = [...before, entry, ...others.slice(before.length)];
    this.#byName.set(entry.name, others.length === 0 ? entry : all);
    if (others.length === 1) this.#contested++;
    // Of one address that several claim, the first one has it, as long as it is there.
    for (const address of entry.addresses) if (!this.#byAddress.has(address)) this.#byAddress.set(address, entry);
    for (const parent of parentsOf(entry.name)) this.#parents.set(parent, (this.#parents.get(parent) ?? 0) + 1);
  }

  #remove(entry: Entry): void {
    const [first, ...rest] = listOf(this.#byName.get(entry.name)).filter((one) => one !== entry);
    if (first === undefined) this.#byName.delete(entry.name);
    else this.#byName.set(entry.name, rest.length === 0 ? first : [first, ...rest]);
    if (first !== undefined && rest.length === 0) this.#contested--;
    for (const address of entry.addresses) if (this.#byAddress.get(address) === entry) this.#byAddress.delete(address);
    for (const parent of parentsOf(entry.name)) {
      const left = this.#parents.get(parent)! - 1;
      if (left === 0) this.#parents.delete(parent);
      else this.#parents.set(parent, left);
    }
  }
}

/** Whether a name is where those of nodes or services are. */
function isTaken(name: string): boolean {
  const top = name.slice(name.lastIndexOf('.') + 1);
  return top === NODE_LABEL || top === SERVICE_LABEL;
}

/** Names above one that are nobody's by themselves. */
function parentsOf(name: string): string[] {
  const names = isDefault(name) ? [name, withoutNamespace(name)] : [name];
  return names.flatMap((one) => {
    const labels = one.split('.');
    return labels.slice(1).map((_label, at) => labels.slice(at + 1).join('.'));
  });
}

function isDefault(name: string): boolean {
  return name.endsWith(`.${DEFAULT_NAMESPACE}`);
}

function withoutNamespace(name: string): string {
  return name.slice(0, -DEFAULT_NAMESPACE.length - 1);
}

/** To whom a name is due: by what every node knows alike, so that all answer the same. A clock of one of them is not. */
function isDueBefore({ node: a }: Entry, { node: b }: Entry): boolean {
  return a.name === b.name ? a.identity < b.identity : a.name < b.name;
}

function listOf(entry: Entry | readonly Entry[] | undefined): readonly Entry[] {
  return entry === undefined ? [] : isList(entry) ? entry : [entry];
}

function firstOf(entry: Entry | readonly Entry[] | undefined): Entry | undefined {
  return entry !== undefined && isList(entry) ? entry[0] : entry;
}

function isList(entry: Entry | readonly Entry[]): entry is readonly Entry[] {
  return Array.isArray(entry);
}
