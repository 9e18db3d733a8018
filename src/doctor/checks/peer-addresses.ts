/** Whether other nodes are seen under the addresses that they announce: what tells peers by their address takes no other. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { hostOf, portOf } from '../endpoint-text.ts';
import type { PeerFacts, TranslationFacts } from '../facts.ts';
import type { AboutNode, Finding } from '../finding.ts';

const finds: FindingKinds = {
  'address-translated': {
    severity: 'error',
    title: 'packets of another node come from another address than it announces: they are refused',
    cause:
      'something between the two nodes translates addresses (NAT): a router that masquerades, or an SNAT rule on the node itself; or somebody repeats what the node sends',
    scope: 'pair',
  },
  'port-translated': {
    severity: 'warning',
    title:
      'gossip of another node comes from another port than it announces: its datagrams are refused, streams and VXLAN are not',
    cause:
      'something between the two nodes translates ports (NAT): a router, or a rule on the node itself; or somebody repeats what the node sends',
    follows: ['address-translated'],
    scope: 'pair',
  },
};

export const peerAddresses: DaemonCheck = {
  subject: 'addresses of other nodes: announced, and seen',
  needs: 'others',
  finds,
  look: ({ daemon: { peers } }) => [
    ...findingOf(
      'address-translated',
      peers.flatMap((peer) => aboutAddress(peer, peer.translations.filter(hasOtherAddress))),
      'have nothing between the nodes translate addresses: route between them, or exempt their data and gossip ports from NAT',
      'nft list ruleset',
      'iptables-save -t nat',
    ),
    ...findingOf(
      'port-translated',
      peers.flatMap((peer) =>
        peer.translations
          .filter((one) => !hasOtherAddress(one))
          .map((one) => ({ node: peer.name, evidence: [portEvidence(peer.name, one)] })),
      ),
      'have nothing between the nodes translate ports: exempt the gossip port from NAT',
      'nft list ruleset',
      'iptables-save -t nat',
    ),
  ],
};

function findingOf(id: string, about: readonly AboutNode[], text: string, ...commands: readonly string[]): Finding[] {
  if (about.length === 0) return [];
  const evidence = about.flatMap((one) => one.evidence);
  return [found(finds, id, evidence, byHand(text, ...commands), about)];
}

function aboutAddress(peer: PeerFacts, translations: readonly TranslationFacts[]): AboutNode[] {
  if (translations.length === 0) return [];
  const hosts = [...new Set(translations.map(({ from }) => hostOf(from)))];
  return [
    {
      node: peer.name,
      evidence: [
        ...translations.map((one) => addressEvidence(peer.name, one)),
        ...hosts.map((host) => ownerEvidence(peer, host)),
      ],
    },
  ];
}

function hasOtherAddress({ from, announced }: TranslationFacts): boolean {
  return hostOf(from) !== hostOf(announced);
}

function addressEvidence(name: string, { carrier, from, announced, messages, last }: TranslationFacts): string {
  const what = carrier === 'datagram' ? 'UDP' : 'TCP';
  return `${name} announces ${hostOf(announced)}, but its gossip over ${what} comes from ${hostOf(from)} (${messages} so far, the last at ${last})`;
}

function portEvidence(name: string, { from, announced, messages, last }: TranslationFacts): string {
  return `${name} announces port ${portOf(announced)} for gossip, but its datagrams come from port ${portOf(from)} of ${hostOf(from)} (${messages} so far, the last at ${last})`;
}

/** Whose the other address is: one more of the node, or somebody else's. Only the node itself can say. */
function ownerEvidence({ name, said }: PeerFacts, host: string): string {
  const addresses = said !== undefined && 'addresses' in said ? said.addresses : undefined;
  if (addresses === undefined)
    return `whether ${host} is another address of ${name} is not known: ${said !== undefined && 'seen' in said ? `${name} does not tell all of its addresses` : `${name} could not be asked`}`;
  return addresses.includes(host)
    ? `${host} is an address of ${name}, too: a rule of its own changes the source (SNAT, masquerade)`
    : `no device of ${name} that is up has ${host}: it is that of a device on the way, or of somebody who repeats what ${name} sends`;
}
