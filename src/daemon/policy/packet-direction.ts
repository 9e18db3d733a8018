/** Which way a packet goes that policies deny. */
import { readFlow } from '../../explain/packet-flow.ts';
import { parseIpAddress } from '../../wire/address.ts';
import { type Prefix, prefixContains } from '../../wire/prefix.ts';
import type { DeniedPacket } from './policy-log.ts';

/**
 * Whether it comes from a pod of this node, rather than going to one. Between two of them the policy decides, which is one for what comes from
 * a pod, or for what goes to one.
 *
 * @param prefixes those of this node.
 */
export function isFromHere(
  { packet, denier }: Pick<DeniedPacket, 'packet' | 'denier'>,
  prefixes: readonly Prefix[],
): boolean {
  const flow = readFlow(packet);
  const isHere = (text: string | undefined): boolean => {
    const address = text === undefined ? undefined : parseIpAddress(text);
    return address !== undefined && prefixes.some((prefix) => prefixContains(prefix, address));
  };
  const [from, to] = [isHere(flow?.source), isHere(flow?.destination)];
  return from === to ? denier.direction !== 'ingress' : from;
}
