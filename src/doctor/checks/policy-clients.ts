/** Packets that policies denied to a node, and that may be of clients which it masquerades. It cannot be told from here: nothing in a packet says so. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { MasqueradedDenialFacts } from '../facts.ts';

const finds: FindingKinds = {
  'policy-denies-node': {
    severity: 'note',
    title: 'network policies that have an ipBlock deny packets from another node: maybe of clients that it masquerades',
    cause:
      'a service without externalTrafficPolicy: Local, asked at a node without its pod: that node gives packets its own address, which no ipBlock of clients means; or the node itself sends them',
  },
};

/** Most sentences. */
const MAX_SENTENCES = 8;

export const policyClients: DaemonCheck = {
  subject: 'network policies: clients that other nodes masquerade',
  needs: 'daemon',
  finds,
  look: ({ daemon: { policies } }) => {
    const denials = policies?.masqueraded ?? [];
    if (denials.length === 0) return [];
    const rest = denials.length - MAX_SENTENCES;
    const evidence = [
      ...denials.slice(0, MAX_SENTENCES).map(sentence),
      ...(rest > 0 ? [`and ${rest} more like these`] : []),
    ];
    const fix = byHand(
      'if clients should get in, set externalTrafficPolicy: Local of the service; what would be decided of one, explain tells',
      'weft explain CLIENT POD --node NODE --proto tcp --dport PORT',
    );
    return [found(finds, 'policy-denies-node', evidence, fix)];
  },
};

function sentence({ node, source, destination, packets, why, blocks }: MasqueradedDenialFacts): string {
  const count = packets === 1 ? '1 packet' : `${packets} packets`;
  return `${count} from ${source}, which is node ${node}, to ${destination} within the last 10 minutes: ${why}; there is ${blocks.join(', ')}`;
}
