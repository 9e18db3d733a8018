/** Whom and which ports one rule of a policy is about, in the words of nftables: as many rules there as it takes. */
import type { PlannedPort, PlannedRule } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { protocolNumbers } from '../../policy/plan-verdict.ts';
import type { Direction, PolicyProtocol } from '../../policy/policy.ts';
import { peerSetNames, portSetNames } from './policy-sets.ts';

/** Packets that are judged: those of who begins, or those of who answers, with both ends exchanged. */
export type Way = 'forth' | 'back';

/** Of one family, or of both. */
interface Match {
  readonly family?: 4 | 6;
  readonly text: string;
}

interface Judged {
  readonly direction: Direction;
  readonly way: Way;
}

const field = { 4: 'ip', 6: 'ip6' } as const;

/** Texts of which one matches if the rule is about a packet; none: it is about nothing. Back, only TCP is judged. */
export function ruleMatches(state: PlanState, rule: PlannedRule, judged: Judged): string[] {
  const ports = portMatches(state, rule.ports, judged.way);
  return peerMatches(state, rule.peers, judged).flatMap((peer) =>
    ports
      .filter((port) => peer.family === undefined || port.family === undefined || peer.family === port.family)
      .map((port) => [peer.text, port.text].filter((text) => text !== '').join(' ')),
  );
}

function peerMatches(state: PlanState, peers: string | undefined, { direction, way }: Judged): Match[] {
  if (peers === undefined) return [{ text: '' }];
  const set = state.peerSet(peers);
  // Who begins is a peer of ingress, who answers one of egress.
  const end = (direction === 'ingress') === (way === 'forth') ? 'saddr' : 'daddr';
  return (set === undefined ? [] : peerSetNames(set)).map(({ name, family }) => {
    return { family, text: `${field[family]} ${end} @${name}` };
  });
}

function portMatches(state: PlanState, ports: readonly PlannedPort[] | undefined, way: Way): Match[] {
  if (ports === undefined) return [{ text: '' }];
  const port = way === 'forth' ? 'dport' : 'sport';
  const numbers = (Object.keys(protocolNumbers) as PolicyProtocol[])
    .filter((protocol) => way === 'forth' || protocol === 'TCP')
    .flatMap((protocol) => numberTexts(ports, protocol, port));
  const named = ports.flatMap((one) => {
    const set = one.kind === 'named' ? state.portSet(one.ports) : undefined;
    return set === undefined ? [] : portSetNames(set);
  });
  const unknown = ports.flatMap((one) => (one.kind === 'unknown' ? unknownMatches(state, one, way) : []));
  return [
    ...numbers.map((text) => ({ text })),
    ...named.map(({ name, family }) => {
      const end = `${field[family]} ${way === 'forth' ? 'daddr' : 'saddr'}`;
      return { family, text: `${end} . meta l4proto . th ${port} @${name}` };
    }),
    ...unknown,
  ];
}

/** Every port of destinations that may have it under a name. */
function unknownMatches(
  state: PlanState,
  { protocol, pods }: PlannedPort & { readonly kind: 'unknown' },
  way: Way,
): Match[] {
  const set = state.peerSet(pods);
  const asked = protocol === undefined ? (Object.keys(protocolNumbers) as PolicyProtocol[]) : [protocol];
  const judged = asked.filter((one) => way === 'forth' || one === 'TCP').map((one) => one.toLowerCase());
  if (set === undefined || judged.length === 0) return [];
  const isProtocol = `meta l4proto ${setWord(judged)}`;
  return peerSetNames(set).map(({ name, family }) => {
    const end = `${field[family]} ${way === 'forth' ? 'daddr' : 'saddr'}`;
    return { family, text: `${end} @${name} ${isProtocol}` };
  });
}

/** Ports of one protocol: all, or single ones together and each range alone. */
function numberTexts(ports: readonly PlannedPort[], protocol: PolicyProtocol, port: 'dport' | 'sport'): string[] {
  const own = ports.flatMap((one) =>
    (one.kind === 'any' || one.kind === 'range') && one.protocol === protocol ? [one] : [],
  );
  const isProtocol = `meta l4proto ${protocol.toLowerCase()}`;
  if (own.some(({ kind }) => kind === 'any')) return [isProtocol];
  const ranges = own.flatMap((one) => (one.kind === 'range' ? [one] : []));
  const singles = ranges.filter(({ first, last }) => first === last).map(({ first }) => first);
  const wide = ranges.filter(({ first, last }) => first !== last);
  return [
    ...(singles.length === 0 ? [] : [setWord([...new Set(singles)].toSorted((a, b) => a - b))]),
    ...wide.map(({ first, last }) => `${first}-${last}`),
  ].map((which) => `${isProtocol} th ${port} ${which}`);
}

function setWord(words: readonly (number | string)[]): string {
  return words.length === 1 ? `${words[0]}` : `{ ${words.join(', ')} }`;
}
