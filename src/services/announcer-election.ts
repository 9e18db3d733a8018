/**
 * Which node answers for an address of a load balancer on the link: all nodes come to the same by themselves, from what members announce. The
 * addresses spread over the nodes, and a node that comes or goes moves no more than its share (rendezvous hashing, Thaler and Ravishankar 1998).
 */
import { hashText } from '../membership/hash.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { type Prefix, prefixContains } from '../wire/prefix.ts';

/** A node that would answer for addresses on its links. */
export interface AnnouncingNode {
  readonly identity: string;
  /** As backends name it. */
  readonly name: string;
  /** On-link prefixes of its interfaces. */
  readonly links: readonly Prefix[];
}

/** @param names those that may be elected; `undefined`: all. @returns `undefined`: no node can answer for it */
export function electAnnouncer(
  address: IpAddress,
  nodes: Iterable<AnnouncingNode>,
  names?: ReadonlySet<string>,
): AnnouncingNode | undefined {
  const text = formatIpAddress(address);
  let elected: AnnouncingNode | undefined;
  let highest = -1;
  for (const node of nodes) {
    if (names?.has(node.name) === false) continue;
    if (!node.links.some((prefix) => prefixContains(prefix, address))) continue;
    const weight = hashText(text, hashText(node.identity));
    if (weight < highest || (weight === highest && node.identity > elected!.identity)) continue;
    [elected, highest] = [node, weight];
  }
  return elected;
}
