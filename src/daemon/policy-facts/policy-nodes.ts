/**
 * Nodes: labels and addresses from the Node objects of Kubernetes, if there are any, and addresses from the announcements of members. A member
 * without a Node, such as a machine outside of the cluster, is a node without labels.
 */
import type { ApiNode } from '../../kubernetes/api-object.ts';
import { addressesOf, memberNameOf } from '../../kubernetes/node-view.ts';
import type { Announcement, Member, MemberChange } from '../../membership/announcement.ts';
import type { PolicyNode } from '../../policy/cluster-facts.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { comparePrefixes } from '../../wire/prefix.ts';
import type { ToldValues } from './told-values.ts';

/** This node. */
export interface OwnNode {
  readonly identity: string;
  /** Of its Node object; without Kubernetes, as it announces it. */
  readonly name: string;
}

export interface PolicyNodesOptions {
  readonly own: OwnNode;
  /** By name. None without Kubernetes. */
  readonly apiNodes: () => ReadonlyMap<string, ApiNode>;
  /** Whether a node may say that it has this address. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  readonly told: ToldValues<PolicyNode>;
}

/** A node, and what it was made from. */
interface MadeNode {
  readonly from: readonly [ApiNode | undefined, ...Announcement[]];
  readonly node: PolicyNode;
}

export class PolicyNodes {
  readonly #options: PolicyNodesOptions;
  /** As they were when they last changed in something that counts here; by identity. */
  readonly #members = new Map<string, Announcement>();
  /** Names of nodes, by what their members are called; and by identities. */
  #names: ReadonlyMap<string, string> = new Map();
  #named: ReadonlyMap<string, string> = new Map();
  /** What was made of each last, by name. */
  #made = new Map<string, MadeNode>();

  constructor(options: PolicyNodesOptions) {
    this.#options = options;
  }

  /** Name of the node with this identity. */
  nameOf(identity: string): string {
    return this.#named.get(identity) ?? identity;
  }

  /** Takes what became of members. @returns identities of those that are others now in what counts here, or are called otherwise */
  follow(changes: readonly MemberChange[]): readonly string[] {
    const changed = changes.flatMap(({ before, after }) => {
      const { identity } = (after ?? before)!.announcement;
      const [known, now] = [this.#members.get(identity), present(after)];
      if (known !== undefined && now !== undefined ? isSame(known, now) : known === now) return [];
      if (now === undefined) this.#members.delete(identity);
      else this.#members.set(identity, now);
      return identity;
    });
    return changed.length === 0 ? [] : [...new Set([...changed, ...this.update()])];
  }

  /** Addresses are routed otherwise. */
  reroute(): void {
    this.#made = new Map();
    this.update();
  }

  /** Tells what changed. @returns identities of nodes that are called otherwise than before */
  update(): readonly string[] {
    const { own, apiNodes, told } = this.#options;
    const objects = apiNodes();
    // One whose whole name is that of the member goes before one with a domain.
    const names = [...objects.keys()].toSorted((a, b) => b.length - a.length);
    this.#names = new Map(names.map((name) => [memberNameOf(name), name]));
    const before = this.#named;
    const named = [...this.#members.values()].map(({ identity, name }) => {
      const known = this.#names.get(name) ?? name;
      // Another life of this node, or a stranger that bears its name: whatever pods it has are none of this node.
      return [identity, known === own.name ? identity : known] as const;
    });
    this.#named = new Map([...named, [own.identity, own.name]]);
    const members = Map.groupBy(this.#members.values(), ({ identity }) => this.nameOf(identity));
    const all = new Set([own.name, ...objects.keys(), ...members.keys()]);
    this.#made = new Map(
      [...all].map((name) => [name, this.#make(name, [objects.get(name), ...(members.get(name) ?? [])])]),
    );
    told.replace(new Map([...this.#made].map(([name, { node }]) => [name, node])));
    return [...this.#named].flatMap(([identity, name]) => (before.get(identity) === name ? [] : identity));
  }

  #make(name: string, from: MadeNode['from']): MadeNode {
    const made = this.#made.get(name);
    const isSameAsBefore = made?.from.length === from.length && from.every((one, at) => one === made.from[at]);
    return isSameAsBefore ? made : { from, node: this.#nodeOf(name, from) };
  }

  #nodeOf(name: string, [object, ...announcements]: MadeNode['from']): PolicyNode {
    const { own, mayHave } = this.#options;
    const announced = announcements.flatMap(({ gossipEndpoint, dataEndpoints }) => [
      gossipEndpoint.address,
      ...dataEndpoints.map(({ endpoint }) => endpoint.address),
    ]);
    return {
      name,
      labels: object?.labels ?? {},
      underlayAddresses: distinct([...(object === undefined ? [] : addressesOf(object)), ...announced]),
      overlayAddresses: distinct(
        announcements.flatMap(({ identity, nodeAddresses }) =>
          nodeAddresses.filter((address) => identity === own.identity || mayHave(identity, address)),
        ),
      ),
    };
  }
}

/** A node that is dead may be back, and has its addresses until another one has them. */
function present(member: Member | undefined): Announcement | undefined {
  return member === undefined || member.state === 'left' ? undefined : member.announcement;
}

/** In what counts here. Announcements are made anew whenever a node has other pods, or measures other paths. */
function isSame(a: Announcement, b: Announcement): boolean {
  return (
    a.name === b.name &&
    a.prefixes.length === b.prefixes.length &&
    a.prefixes.every((prefix, at) => comparePrefixes(prefix, b.prefixes[at]!) === 0) &&
    textOf(a) === textOf(b)
  );
}

function textOf({ gossipEndpoint, dataEndpoints, nodeAddresses }: Announcement): string {
  const endpoints = [gossipEndpoint, ...dataEndpoints.map(({ endpoint }) => endpoint)];
  return [...endpoints.map(({ address }) => address), ...nodeAddresses].map(formatIpAddress).join(' ');
}

/** In their order. */
function distinct(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return [...new Map(addresses.map((address) => [formatIpAddress(address), address])).values()];
}
