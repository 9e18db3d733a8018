/**
 * Network policies in the words of nftables: a table of their own, where each pod's cable meets its node, after addresses of services were
 * translated, and before those of sources are. Chains of one hook, as each costs every packet some tens of nanoseconds:
 *
 *     forward     of a connection that was allowed              -> accept
 *                 of one that was cut: it has CUT_MARK          -> cut: counted, told, dropped
 *                 from a pod to itself                          -> accept
 *                 from, and to, a pod that policies isolate     -> jump out-X, then jump in-X
 *                 from, and to, a pod of which nothing is known  -> held: counted, told, dropped
 *     out-X in-X  its rules in order, see `policy-chains.ts`
 *     deny-T      a TCP segment that begins nothing             -> ask, if the other direction isolates the pod, too
 *                 anything else                                 -> drop-T
 *     ask         sets a bit of the packet's mark and returns to forward
 *     asked-from asked-to    clears it                          -> back-in-X or back-out-X: the other direction of the pod
 *     drop-T      counted under the name of the rule; dropped by told-enough, or told by NFLOG and dropped
 *     told-enough what comes from a source of which enough is told -> drop
 *     back-in-X back-out-X   as in-X and out-X, with both ends exchanged: may what such a segment answers have begun?
 *
 * A TCP segment of no known connection that is no SYN: the kernel forgot the connection, or somebody tries to get past a policy. It passes
 * if rules allow that either end begins it, or if none denies that either does (`isSegmentAllowed`).
 *
 * A connection is confirmed by its first packet, once that has passed everything. What follows it passes, too, also while nobody answers:
 * otherwise every datagram of UDP that has no answer would be judged anew.
 *
 * Chosen: a mark on connections that are cut. Instead of: deleting them. Because: whoever sends next would begin a new one, and if that is
 * the end that answered, it would be judged by rules of the other direction; of UDP nothing tells that it is an answer.
 *
 * Chosen: a bit of the packet's mark, by which the first chain asks the other direction. Instead of: a map of devices in each chain that denies.
 * Because: with each change the kernel checks every path through the table (nf_tables_api.c, nft_table_validate), and from each pod such paths
 * would lead to all pods of the node.
 *
 * Chosen: a rule for each family and each range of ports. Instead of: one anonymous set of both in each rule. Because: the kernel takes
 * milliseconds for a set of ranges, whatever is in it, and there would be thousands.
 */
import type { NftSetContent } from '../../linux/nft-table-content.ts';
import type { NftTablePiece } from '../../linux/nft-table-pieces.ts';
import type { IsolationPlan, PeerSet, PodPlan, PortSet } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import { droppingRules, type PolicyMeans, toldPiece } from './policy-chains.ts';
import { ASK_CHAIN, ASK_MARK, backChainOf, chainOf, CUT_MARK, CUT_TAG, HELD_TAG } from './policy-names.ts';
import { peerSets, type PolicySet, portSets } from './policy-sets.ts';

/** What lies between the other priorities of a hook: after iptables and others, whose verdicts are theirs. */
const HOOK = 'type filter hook forward priority filter + 10; policy accept;';

const deviceMap: NftSetContent = { type: 'ifname', data: 'verdict', elements: new Set() };

const deviceSet: NftSetContent = { type: 'ifname', elements: new Set() };

/** What the devices of pods stand for. */
const deviceSets = {
  /** Device to device. */
  themselves: { type: 'ifname . ifname', elements: new Set<string>() },
  /** What judges what comes from the device, and what goes there. */
  from: deviceMap,
  to: deviceMap,
  /** The other direction, where there are both. */
  'back-from': deviceMap,
  'back-to': deviceMap,
  /** Whether that isolates the pod. */
  'else-from': deviceSet,
  'else-to': deviceSet,
} as const satisfies Readonly<Record<string, NftSetContent>>;

/** What is there without any policy. */
export function basePiece(means: PolicyMeans): NftTablePiece {
  const told = toldPiece(means);
  const cut = hex(CUT_MARK);
  const isAsked = `meta mark & ${hex(ASK_MARK)} != 0`;
  const clearAsked = `meta mark set meta mark & ${hex(~ASK_MARK >>> 0)}`;
  return {
    counters: [CUT_TAG, HELD_TAG],
    sets: { ...deviceSets, ...told.sets },
    chains: {
      forward: {
        hook: HOOK,
        rules: [
          `ct status & confirmed != 0 ct mark & ${cut} == 0 accept`,
          `ct state established,related ct mark & ${cut} == 0 accept`,
          'ct state established,related goto cut',
          'iifname . oifname @themselves accept',
          // A bit that somebody else has set asks nothing of us.
          `${isAsked} ${clearAsked}`,
          'iifname vmap @from',
          `${isAsked} jump asked-from`,
          'oifname vmap @to',
          `${isAsked} jump asked-to`,
        ],
      },
      [ASK_CHAIN]: { rules: [`meta mark set meta mark | ${hex(ASK_MARK)}`] },
      'asked-from': { rules: [clearAsked, 'iifname vmap @back-from'] },
      'asked-to': { rules: [clearAsked, 'oifname vmap @back-to'] },
      cut: { rules: droppingRules(CUT_TAG, means) },
      held: { rules: droppingRules(HELD_TAG, means) },
      ...told.chains,
    },
  };
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

/** Elements of one pod, which has this device. */
export function podPiece(state: PlanState, { ingress, egress }: PodPlan, device: string): NftTablePiece {
  const into = ingress === undefined ? undefined : state.isolation(ingress);
  const out = egress === undefined ? undefined : state.isolation(egress);
  const judging = (verdict: string, chain: string | undefined): string[] =>
    chain === undefined ? [] : [`${device} : ${verdict} ${chain}`];
  const elements: Readonly<Record<keyof typeof deviceSets, readonly string[]>> = {
    themselves: [`${device} . ${device}`],
    from: judging('jump', forth(out) ?? back(into)),
    to: judging('jump', forth(into) ?? back(out)),
    'back-from': judging('goto', out && back(into)),
    'back-to': judging('goto', into && back(out)),
    'else-from': out && isIsolating(into) ? [device] : [],
    'else-to': into && isIsolating(out) ? [device] : [],
  };
  const sets = Object.entries(elements)
    .filter(([, all]) => all.length > 0)
    .map(([name, all]) => [name, { ...deviceSets[name as keyof typeof deviceSets], elements: new Set(all) }]);
  return { counters: [], sets: Object.fromEntries(sets) as NftTablePiece['sets'], chains: {} };
}

/** Elements of a pod of which nothing is known: nothing gets from and to its device, but what it says to itself. */
export function heldPiece(device: string): NftTablePiece {
  const sets = {
    themselves: { ...deviceSets.themselves, elements: new Set([`${device} . ${device}`]) },
    from: { ...deviceMap, elements: new Set([`${device} : goto held`]) },
    to: { ...deviceMap, elements: new Set([`${device} : goto held`]) },
  };
  return { counters: [], sets, chains: {} };
}

function isIsolating(isolation: IsolationPlan | undefined): boolean {
  return isolation !== undefined && isolates(isolation);
}

function forth(isolation: IsolationPlan | undefined): string | undefined {
  return isolation && chainOf(isolation.direction, isolation.key);
}

function back(isolation: IsolationPlan | undefined): string | undefined {
  return isolation && backChainOf(isolation.direction, isolation.key);
}

export function peerSetPiece(set: PeerSet): NftTablePiece {
  return setsPiece(peerSets(set));
}

export function portSetPiece(set: PortSet): NftTablePiece {
  return setsPiece(portSets(set));
}

function setsPiece(sets: readonly PolicySet[]): NftTablePiece {
  return { counters: [], sets: Object.fromEntries(sets.map(({ name, content }) => [name, content])), chains: {} };
}
