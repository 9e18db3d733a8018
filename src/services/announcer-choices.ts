/**
 * Which node answers for each address of a load balancer, as members come and go. A node that ended in order is waited for: its daemon is
 * restarted, most likely, and its kernel goes on translating meanwhile.
 */
import type { Member } from '../membership/announcement.ts';
import type { IpAddress } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import { type AnnouncingNode, electAnnouncer } from './announcer-election.ts';
import type { BalancedAddress } from './balanced-addresses.ts';

/** How long a node that ended in order keeps its addresses, in ms. */
export const RESTART_GRACE_MS = 5_000;

export class AnnouncerChoices {
  #chosen: ReadonlyMap<string, AnnouncingNode> = new Map();
  /** Of addresses for which any node may answer: services change far more often than nodes. */
  readonly #elected = new Map<string, AnnouncingNode | undefined>();
  /** The nodes among which these were elected. */
  #among = '';

  /**
   * Who answers for each from now on, by the text of the address; of those that nobody answers for, none.
   *
   * @param members all, this node among them @param nowMs on the clock of {@link Member.sinceMs}
   */
  update(
    addresses: ReadonlyMap<string, BalancedAddress>,
    members: Iterable<Member>,
    nowMs: number,
  ): ReadonlyMap<string, AnnouncingNode> {
    const nodes: AnnouncingNode[] = [];
    const restarting = new Set<string>();
    for (const { state, sinceMs, announcement } of members) {
      const { identity, name, linkPrefixes: links = [] } = announcement;
      const isRestarting = state === 'left' && nowMs - sinceMs < RESTART_GRACE_MS;
      if (links.length === 0 || (state !== 'alive' && state !== 'suspect' && !isRestarting)) continue;
      nodes.push({ identity, name, links });
      if (isRestarting) restarting.add(identity);
    }
    this.#forgetUnlessAmong(nodes);
    const chosen = new Map<string, AnnouncingNode>();
    for (const [text, { address, nodeNames }] of addresses) {
      const before = this.#chosen.get(text);
      // Its pods are not known any more, but they are there.
      const isKept = before !== undefined && restarting.has(before.identity);
      const node = isKept ? before : this.#elect(text, address, nodes, nodeNames);
      if (node !== undefined) chosen.set(text, node);
    }
    this.#chosen = chosen;
    return chosen;
  }

  /** @param address as text. @returns `undefined`: nobody answers for it */
  at(address: string): AnnouncingNode | undefined {
    return this.#chosen.get(address);
  }

  #elect(
    text: string,
    address: IpAddress,
    nodes: readonly AnnouncingNode[],
    nodeNames: BalancedAddress['nodeNames'],
  ): AnnouncingNode | undefined {
    if (nodeNames !== undefined) return electAnnouncer(address, nodes, nodeNames);
    if (!this.#elected.has(text)) this.#elected.set(text, electAnnouncer(address, nodes));
    return this.#elected.get(text);
  }

  #forgetUnlessAmong(nodes: readonly AnnouncingNode[]): void {
    const words = nodes.map(({ identity, name, links }) => [identity, name, ...links.map(formatPrefix)].join(' '));
    const among = words.join();
    if (among !== this.#among) this.#elected.clear();
    this.#among = among;
  }
}
