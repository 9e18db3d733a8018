/** What the kernel of a node does with the first packet of a connection, by the plan that it enforces. */
import type { IpAddress } from '../wire/address.ts';
import { isSingleAddress, prefixContains } from '../wire/prefix.ts';
import type { IsolationPlan, PeerSet, PlannedPort, PlannedRule, PortSet } from './node-plan.ts';
import { addressKey, type PlanState } from './plan-state.ts';
import { type PolicyProtocol, type Tier, tiers } from './policy.ts';

/** From who begins it to who answers, as the node forwards it: addresses of services are translated already. */
export interface PlannedFlow {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Number of the protocol (IANA). */
  readonly protocol: number;
  /** `undefined` of protocols without ports, as the other one. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
}

/** What one direction of one pod decides, and why. */
export interface PlannedVerdict {
  readonly isAllowed: boolean;
  /** `PlannedRule.name` of the rule that decided; `undefined`: none did. */
  readonly rule: string | undefined;
  /** Those that would have denied, were they not in audit mode: names of rules, and `undefined` for want of one. */
  readonly told: readonly (string | undefined)[];
}

/** Numbers of the protocols (IANA, Assigned Internet Protocol Numbers). */
export const protocolNumbers: Readonly<Record<PolicyProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/**
 * Whether the plan lets a flow through at the edges of the pods of this node that are its ends. A pod always reaches itself.
 */
export function isFlowAllowed(state: PlanState, flow: PlannedFlow): boolean {
  const [from, to] = [flow.source, flow.destination].map((address) => state.podAt(addressKey(address)));
  if (from === to) return true;
  const judging = [from?.egress, to?.ingress];
  return judging.every((key) => key === undefined || isolationVerdict(state, state.isolation(key)!, flow).isAllowed);
}

/**
 * Whether a TCP segment of no known connection gets through at the edges of the pods that are its ends. Either end may have begun what it
 * belongs to. What a rule allows passes; what one direction does not decide passes if the other does not deny it; what one denies, only
 * if the other isolates and allows it. Otherwise a pod that may send to everybody could be reached by everybody.
 */
export function isSegmentAllowed(state: PlanState, flow: PlannedFlow): boolean {
  const back = reversedFlow(flow);
  const [from, to] = [flow.source, flow.destination].map((address) => state.podAt(addressKey(address)));
  if (from === to) return true;
  const edges = [
    [from?.egress, from?.ingress],
    [to?.ingress, to?.egress],
  ] as const;
  return edges.every(([own, other]) => {
    const verdict = verdictBy(state, own, flow);
    if (verdict?.isAllowed === true && verdict.rule !== undefined) return true;
    const answered = verdictBy(state, other, back);
    if (verdict?.isAllowed === false) return answered?.isAllowed === true && isolates(state.isolation(other!)!);
    return answered === undefined || answered.isAllowed;
  });
}

/** Whether it denies what no rule decides. */
export function isolates({ isolatedBy, isAudit }: Pick<IsolationPlan, 'isolatedBy' | 'isAudit'>): boolean {
  return isolatedBy.length > 0 && !isAudit;
}

/** The same flow, were it begun by the other end. */
export function reversedFlow({ source, destination, protocol, sourcePort, destinationPort }: PlannedFlow): PlannedFlow {
  return {
    source: destination,
    destination: source,
    protocol,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}

/** `undefined`: nothing judges it. */
function verdictBy(state: PlanState, key: string | undefined, flow: PlannedFlow): PlannedVerdict | undefined {
  return key === undefined ? undefined : isolationVerdict(state, state.isolation(key)!, flow);
}

/** What one direction says of a flow. What is in audit mode denies nothing: whoever comes after it is asked. */
export function isolationVerdict(state: PlanState, isolation: IsolationPlan, flow: PlannedFlow): PlannedVerdict {
  const told: (string | undefined)[] = [];
  for (const tier of tiers) {
    if (tier === 'baseline' && isolates(isolation)) break;
    if (tier === 'baseline' && isolation.isolatedBy.length > 0) told.push(undefined);
    const decided = tierVerdict(state, isolation, tier, flow, told);
    if (decided !== undefined) return { isAllowed: decided.action === 'allow', rule: decided.name, told };
  }
  return { isAllowed: !isolates(isolation), rule: undefined, told };
}

/** The rule that decides in a tier; `undefined`: none does, or one passes on. */
function tierVerdict(
  state: PlanState,
  { direction, rules }: IsolationPlan,
  tier: Tier,
  flow: PlannedFlow,
  told: (string | undefined)[],
): PlannedRule | undefined {
  const peer = direction === 'ingress' ? flow.source : flow.destination;
  for (const rule of rules) {
    if (rule.tier !== tier || !isAbout(state, rule, peer, flow)) continue;
    if (rule.action === 'pass') return undefined;
    if (rule.action === 'allow' || !rule.isAudit) return rule;
    told.push(rule.name);
  }
  return undefined;
}

function isAbout(state: PlanState, { peers, ports }: PlannedRule, peer: IpAddress, flow: PlannedFlow): boolean {
  if (peers !== undefined && !peersOf(state.peerSet(peers)).has(peer)) return false;
  return ports === undefined || ports.some((port) => isPort(state, port, flow));
}

function isPort(state: PlanState, port: PlannedPort, { destination, protocol, destinationPort }: PlannedFlow): boolean {
  if (port.kind === 'any') return protocolNumbers[port.protocol] === protocol;
  if (destinationPort === undefined) return false;
  if (port.kind === 'named')
    return namedPortsOf(state.portSet(port.ports)).has(namedPortKey(destination, protocol, destinationPort));
  if (port.kind === 'unknown') {
    const asked = port.protocol === undefined ? Object.values(protocolNumbers) : [protocolNumbers[port.protocol]];
    return asked.includes(protocol) && peersOf(state.peerSet(port.pods)).has(destination);
  }
  const isWithin = port.first <= destinationPort && destinationPort <= port.last;
  return isWithin && protocolNumbers[port.protocol] === protocol;
}

interface Peers {
  has(address: IpAddress): boolean;
}

/** Made once for each set, which does not change. */
const allPeers = new WeakMap<PeerSet, Peers>();
const allNamedPorts = new WeakMap<PortSet, ReadonlySet<string>>();

const nobody: Peers = { has: () => false };

function peersOf(set: PeerSet | undefined): Peers {
  if (set === undefined) return nobody;
  const known = allPeers.get(set);
  if (known !== undefined) return known;
  const hosts = new Set(set.prefixes.filter(isSingleAddress).map(({ address }) => addressKey(address)));
  const blocks = set.prefixes.filter((prefix) => !isSingleAddress(prefix));
  const peers: Peers = {
    has: (address) => hosts.has(addressKey(address)) || blocks.some((block) => prefixContains(block, address)),
  };
  allPeers.set(set, peers);
  return peers;
}

function namedPortsOf(set: PortSet | undefined): ReadonlySet<string> {
  if (set === undefined) return new Set();
  const known = allNamedPorts.get(set);
  if (known !== undefined) return known;
  const ports = new Set(
    set.elements.map(({ address, protocol, port }) => namedPortKey(address, protocolNumbers[protocol], port)),
  );
  allNamedPorts.set(set, ports);
  return ports;
}

function namedPortKey(address: IpAddress, protocol: number, port: number): string {
  return `${addressKey(address)} ${protocol} ${port}`;
}
