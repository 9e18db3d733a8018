/** What network policies decide of a packet at the edges of a node's pods, in words. Pure. */
import { addressKey, type PlanState } from '../policy/plan-state.ts';
import { isolationVerdict, type PlannedFlow } from '../policy/plan-verdict.ts';
import type { Direction } from '../policy/policy.ts';
import { causeText } from '../policy/verdict.ts';
import type { ExplainedStep } from './explanation.ts';
import type { FirewallObstacle } from './firewall-words.ts';
import { hasPorts, type PacketDescription } from './packet-description.ts';

/** What one direction of one pod decides of a packet. */
export interface PolicyEdge {
  readonly direction: Direction;
  readonly isAllowed: boolean;
  /** `by shop/web ingress[0].from[0]`, `isolated by shop/web, no rule matches`. */
  readonly why: string;
}

/** The directions that judge it, in the order in which they are met: none of an answer, nor of what a pod sends to itself. */
export function policyEdges(plan: PlanState, packet: PacketDescription): readonly PolicyEdge[] {
  const { source, destination, protocol, sourcePort, destinationPort, isAnswer = false } = packet;
  const [from, to] = [plan.podAt(addressKey(source)), plan.podAt(addressKey(destination))];
  if (isAnswer || (from !== undefined && from === to)) return [];
  const ports = hasPorts(protocol) ? { sourcePort, destinationPort } : undefined;
  const flow = {
    source,
    destination,
    protocol,
    sourcePort: ports?.sourcePort,
    destinationPort: ports?.destinationPort,
  };
  return [edge(plan, from?.egress, 'egress', flow), edge(plan, to?.ingress, 'ingress', flow)].filter(
    (one) => one !== undefined,
  );
}

function edge(
  plan: PlanState,
  key: string | undefined,
  direction: Direction,
  flow: PlannedFlow,
): PolicyEdge | undefined {
  const isolation = key === undefined ? undefined : plan.isolation(key);
  if (isolation === undefined) return undefined;
  const { isAllowed, rule, told } = isolationVerdict(plan, isolation, flow);
  const isolating = causeText({ kind: 'isolated', policies: isolation.isolatedBy });
  const decided = rule === undefined ? (isAllowed ? 'no rule denies it' : isolating) : `by ${rule}`;
  const audited = told.map((one) => (one === undefined ? isolating : `by ${one}`)).join('; ');
  return {
    direction,
    isAllowed,
    why: audited === '' ? decided : `${decided}; but for audit mode it would be denied: ${audited}`,
  };
}

/** How a node and its pods are called. */
export interface EdgeNames {
  readonly place: string;
  readonly source: string;
  readonly destination: string;
  /** What is to be said of the other end in each direction, see {@link nodeRemark} and {@link clientRemark}; empty: nothing. */
  readonly remarks: Readonly<Record<Direction, string>>;
}

/** A node, by one of its addresses. */
export interface NodeAddress {
  readonly node: string;
  readonly network: 'overlay' | 'underlay';
}

/** Whom policies take for the other end where that is a node. */
export function nodeRemark(address: string, { node, network }: NodeAddress, direction: Direction): string {
  const where = `${address} is node ${node} ${network === 'overlay' ? 'in the overlay' : 'on the underlay'}`;
  return direction === 'egress' ? where : `${where}, and for policies so is every client that ${node} masquerades`;
}

/**
 * What would be decided of a client that the node before has masqueraded, if it had come under its own address: an `ipBlock` that means the client
 * does not mean the node. Empty: the same.
 *
 * @param edges of the packet as it is, @param ofClient the same from the client
 */
export function clientRemark(client: string, edges: readonly PolicyEdge[], ofClient: readonly PolicyEdge[]): string {
  const [decided, other] = [edges, ofClient].map((all) => all.find(({ direction }) => direction === 'ingress'));
  if (decided === undefined || other === undefined || decided.isAllowed === other.isAllowed) return '';
  return `from ${client}, which was masqueraded, it would be ${other.isAllowed ? 'allowed' : 'denied'}, ${other.why}`;
}

/** What stands in the packet's way; `undefined`: nothing. */
export function policyObstacle(edges: readonly PolicyEdge[], names: EdgeNames): FirewallObstacle | undefined {
  const denying = edges.find(({ isAllowed }) => !isAllowed);
  if (denying === undefined) return undefined;
  const text = `${names.place} drops it as policy-denied: ${edgeWords(denying, names)}`;
  return { verdict: 'stop', isBeforeRoute: false, text, reason: 'policy-denied' };
}

/** That they let it pass; none if nothing judges it. */
export function policySteps(edges: readonly PolicyEdge[], names: EdgeNames): readonly ExplainedStep[] {
  return edges.map((one): ExplainedStep => {
    const text = `network policies let it pass: ${edgeWords(one, names)}`;
    return { hook: 'kernel', verdict: 'pass', text, details: { place: names.place, direction: one.direction } };
  });
}

function edgeWords({ direction, why }: PolicyEdge, { source, destination, remarks }: EdgeNames): string {
  const remark = remarks[direction] === '' ? '' : `; ${remarks[direction]}`;
  return `${direction} of pod ${direction === 'egress' ? source : destination}, ${why}${remark}`;
}
