/** Whether VXLAN gets to the other nodes, and whether they take it. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { FactsOfDaemon } from '../check.ts';
import { hostOf, portOf } from '../endpoint-text.ts';
import { isSilent, type PeerAnswer, type PeerFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

const causesHere = [
  'faults-injected',
  'firewall-drops',
  'firewall-closed',
  'send-refused',
  'underlay-lost',
  'underlay-wrong-interface',
  // Others know this identity, and take packets, from the other machine.
  'identity-contested',
  'address-translated',
];

const finds: FindingKinds = {
  'vxlan-eaten': {
    severity: 'error',
    title: 'VXLAN is lost on the way to another node, while gossip reaches it',
    cause:
      'a firewall of the other node, or a firewall, security group or router between the two, drops the UDP port of VXLAN',
    follows: [...causesHere, 'vni-mismatch', 'path-cut'],
    scope: 'pair',
  },
  'path-cut': {
    severity: 'error',
    title: 'nothing passes between two nodes that are alive: neither VXLAN nor gossip',
    cause: 'a broken link, a missing route, or a firewall between the two nodes',
    follows: causesHere,
    scope: 'pair',
  },
  'vni-mismatch': {
    severity: 'error',
    title: 'two nodes have different VNIs: each drops what the other sends',
    cause: 'vxlan.vni differs between the configurations of the nodes',
    scope: 'pair',
  },
  'path-lossy': {
    severity: 'warning',
    title: 'some of the packets between two nodes get lost on the underlay',
    cause: 'a link, a queue or a rate limit on the way that is overloaded, or a cable or port that is damaged',
    follows: [...causesHere, 'offload-corrupts', 'receive-overflow', 'path-cut', 'vxlan-eaten'],
    scope: 'pair',
  },
};

/** One may be chance, and is made good by TCP. */
const MIN_LOST = 2;

export const dataPath: DaemonCheck = {
  subject: 'VXLAN to the other nodes: sent, and seen there',
  needs: 'daemon',
  finds,
  look: ({ daemon }) => {
    const down = daemon.peers.filter((peer) => peer.state === 'alive' && isSilent(peer));
    const differing = daemon.peers.filter((peer) => isAnswer(peer.said) && peer.said.vni !== daemon.vni);
    const eaten = down.filter((peer) => !differing.includes(peer) && !isCut(peer));
    const lossy = daemon.peers.filter((peer) => peer.state === 'alive' && isLossy(peer));
    return [
      ...foundAt(
        'vni-mismatch',
        differing,
        ({ name, said }) => `vxlan.vni is ${daemon.vni} here, and ${(said as PeerAnswer).vni} on ${name}`,
        () => byHand('give all nodes the same vxlan.vni, and start those that were changed again'),
      ),
      ...foundAt('path-cut', down.filter(isCut), cutEvidence, (peers) =>
        byHand('find out how far packets get', ...peers.map(({ endpoint }) => `ping -c 3 ${hostOf(endpoint)}`)),
      ),
      ...foundAt(
        'vxlan-eaten',
        eaten,
        (peer) => eatenEvidence(peer),
        (peers) => eatenFix(peers, daemon),
      ),
      ...foundAt('path-lossy', lossy, lossEvidence, (peers) => lossFix(peers, daemon)),
    ];
  },
};

function foundAt(
  id: string,
  peers: readonly PeerFacts[],
  evidence: (peer: PeerFacts) => string,
  fix: (peers: readonly PeerFacts[]) => Finding['fix'],
): Finding[] {
  if (peers.length === 0) return [];
  const about = peers.map((peer) => ({ node: peer.name, evidence: [evidence(peer)] }));
  return [
    found(
      finds,
      id,
      about.flatMap((one) => one.evidence),
      fix(peers),
      about,
    ),
  ];
}

/** It was asked, and could not be reached over TCP either. */
export function isCut(peer: PeerFacts): boolean {
  const { said } = peer;
  return isSilent(peer) && said !== undefined && !isAnswer(said) && said.code === 'remote-unreachable';
}

function isLossy(peer: PeerFacts): boolean {
  const { trial } = peer;
  return trial !== undefined && !isSilent(peer) && trial.sent - trial.answered >= MIN_LOST;
}

function isAnswer(said: PeerFacts['said']): said is PeerAnswer {
  return said !== undefined && 'vni' in said;
}

function cutEvidence({ name, endpoint, relay, said }: PeerFacts): string {
  const why = said === undefined || isAnswer(said) ? '' : `: ${said.message}`;
  return `${name} (${endpoint}) answers neither probes on the VXLAN port nor over TCP${why}${wayOf(relay)}`;
}

function eatenEvidence({ name, endpoint, relay, trial, said }: PeerFacts): string {
  const nothing = `nothing that is sent straight to ${name} (${endpoint}) is answered on the VXLAN port`;
  const seen = isAnswer(said) ? said.seen : undefined;
  if (trial === undefined || seen === undefined) return `${nothing}${wayOf(relay)}`;
  const { sent } = trial;
  return seen === 0
    ? `${sent} datagrams were sent straight to ${name} (${endpoint}), and it saw 0${wayOf(relay)}`
    : `${sent} datagrams were sent straight to ${name} (${endpoint}), it received ${seen} from here meanwhile, and no answer came back${wayOf(relay)}`;
}

function wayOf(relay: string): string {
  return relay === '' ? '; packets go no other way yet' : `; packets go through ${relay} instead`;
}

function lossEvidence(peer: PeerFacts): string {
  const { name, endpoint, relay, trial } = peer;
  const { sent, answered } = trial!;
  const now = `${sent - answered} of ${sent} datagrams that were sent straight to ${name} (${endpoint}) were not answered`;
  const way = relay === '' ? '' : wayOf(relay);
  return `${now}${lossBefore(peer)}${way}`;
}

function lossBefore({ lossRatio, lossOutRatio, lossInRatio }: PeerFacts): string {
  if (lossRatio === null) return '';
  if (lossRatio === 0) return '; of the probes of the last minutes none was lost';
  const lost =
    lossOutRatio === null || lossInRatio === null
      ? `${percent(lossRatio)} were lost, or their answers`
      : `${percent(lossOutRatio)} did not arrive there, and of the answers ${percent(lossInRatio)} did not arrive here`;
  return `; of the probes of the last minutes ${lost}`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function lossFix([peer]: readonly PeerFacts[], { underlay }: FactsOfDaemon['daemon']): Finding['fix'] {
  return byHand(
    'see whether the underlay loses other packets as well, then look at devices, queues and rate limits on the way',
    `weft ping -c 200 -i 20ms ${peer!.name}`,
    `ip -s link show dev ${underlay.device}`,
  );
}

function eatenFix(peers: readonly PeerFacts[], { underlay }: FactsOfDaemon['daemon']): Finding['fix'] {
  const [host, port] = [hostOf(peers[0]!.endpoint), portOf(peers[0]!.endpoint)];
  return byHand(
    `allow UDP port ${port} between the nodes; where it is lost, a capture on both of them shows`,
    `tcpdump -ni ${underlay.device} udp port ${port} and host ${host}`,
  );
}
