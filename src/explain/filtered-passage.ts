/** The packet as a firewall sees it that stands where a passage is. Pure. */
import { type FilteredPacket, firstPacket } from '../firewall/filtered-packet.ts';
import { judgePassage, type Passage as FilteredWay, type PassageJudgement } from '../firewall/judgement.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { IpProtocol } from '../wire/ip.ts';
import { hasPorts, isEcho, type PacketDescription } from './packet-description.ts';
import type { PassageFacts } from './passage-facts.ts';

/** Base chains that a pod's own firewall may have: each costs time to judge. */
const MAX_POD_CHAINS = 16;

/** What a firewall does with the packet; `undefined` if it has too many chains to be judged. */
export function judgeFirewall(
  ruleset: Ruleset,
  packet: PacketDescription,
  facts: PassageFacts,
  sourceMac: string | undefined,
  isPod: boolean,
): PassageJudgement | undefined {
  if (isPod && ruleset.chains.filter(({ base }) => base !== undefined).length > MAX_POD_CHAINS) return undefined;
  const { entry, route } = facts;
  const isTakenIn = 'type' in route && route.type !== 'unicast';
  const way: FilteredWay = entry === undefined ? 'outgoing' : isTakenIn ? 'incoming' : 'forwarded';
  return judgePassage(ruleset, way, filtered(packet, facts, sourceMac));
}

function filtered(packet: PacketDescription, facts: PassageFacts, sourceMac: string | undefined): FilteredPacket {
  const { source, destination, protocol, sourcePort, destinationPort, isAnswer = false } = packet;
  const { entry, route, exit, wayBack } = facts;
  const { family } = source;
  const first = firstPacket({ family, protocol });
  const answerType = family === 4 ? ECHO_REPLY : ECHO_REPLY_6;
  return {
    ...first,
    inDevice: entry?.name ?? '',
    outDevice: 'device' in route ? (route.type === 'unicast' ? route.device : '') : exit?.name,
    sourceMac: entry === undefined ? '' : sourceMac,
    source,
    destination,
    sourcePort: hasPorts(protocol) && sourcePort > 0 ? sourcePort : undefined,
    destinationPort: hasPorts(protocol) ? destinationPort : undefined,
    ...(isAnswer && {
      connection: 'established',
      // What the first packet of its connection had set.
      connectionMark: undefined,
      isReply: true,
      tcpFlags: protocol === IpProtocol.tcp ? TcpFlag.syn | TcpFlag.ack : undefined,
      icmpType: isEcho(family, protocol) ? answerType : undefined,
    }),
    returnsByInDevice:
      entry === undefined || wayBack === undefined || 'error' in wayBack ? undefined : wayBack.device === entry.name,
  };
}

const ECHO_REPLY = 0;
const ECHO_REPLY_6 = 129;
