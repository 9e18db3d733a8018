/**
 * The kernels of this node in an explanation: that of the pod that sends, the node's own before and after weft has the packet, and
 * that of the pod that receives. Each is asked, now, in its own network namespace; who cannot be asked is unknown.
 */
import { WeftError } from '../../errors.ts';
import { destinationKind, groupWords } from '../../explain/destination-kind.ts';
import type { Stage } from '../../explain/explanation.ts';
import { judgeFirewall } from '../../explain/filtered-passage.ts';
import { type FirewallObstacle, firewallObstacle, isSpoofed } from '../../explain/firewall-words.ts';
import { isEcho, type PacketDescription } from '../../explain/packet-description.ts';
import {
  judgePassage,
  type JudgedPassage,
  type Passage,
  type PassageAim,
  unlookedPassage,
} from '../../explain/passage.ts';
import type { PassageFacts, SoughtLink } from '../../explain/passage-facts.ts';
import {
  clientRemark,
  type EdgeNames,
  type NodeAddress,
  nodeRemark,
  type PolicyEdge,
  policyEdges,
  policyObstacle,
  policySteps,
} from '../../explain/policy-words.ts';
import { withPassages } from '../../explain/stage-passages.ts';
import type { Ruleset } from '../../firewall/ruleset.ts';
import { type NftTable, POLICY_TABLE, titleOf as titleOfTable } from '../../linux/nftables.ts';
import { namespaceIdentity } from '../../linux/namespace-files.ts';
import type { PassageQuestion } from '../../linux/passage-lookup.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import type { Direction } from '../../policy/policy.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress, parseEndpoint } from '../../wire/address.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { type Prefix, prefixContains } from '../../wire/prefix.ts';
import type { Pod } from '../../api/control-api.ts';
import { holderAmong } from '../pods/pod-holder.ts';
import { titleOf } from '../pods/pod-key.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';
import { Turns } from '../remote/turns.ts';
import { unlistedTables } from './unlisted-tables.ts';

export interface KernelExplainerOptions {
  readonly nodeName: string;
  readonly tunDevice: string;
  readonly vxlanPort: number;
  readonly clusterPrefixes: readonly Prefix[];
  readonly nodePrefixes: readonly Prefix[];
  /** This node's addresses in the overlay. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly pods: () => readonly Pod[];
  readonly underlay: () => { readonly interface: string; readonly address: IpAddress };
  readonly lookUp: (question: PassageQuestion) => Promise<PassageFacts>;
  /** What network policies have the kernel of this node decide; `undefined`: their table is judged as those of others are. */
  readonly policyPlan: () => Promise<PlanState | undefined>;
  /** As in `LocalExplainerParts`. */
  readonly knownFrontends: () => Promise<number | undefined>;
  /** A node that has an address, as policies know it; `undefined`: none has. */
  readonly nodeAt: (address: IpAddress) => NodeAddress | undefined;
  /** All rules of the firewall of a namespace; `undefined`: of this process's own. One table may be left out. */
  readonly readRuleset: (netns: string | undefined, without: readonly NftTable[]) => Promise<Ruleset>;
}

/** Packets that are looked at by this node at one time: each costs some programs. */
const LOOKS_AT_A_TIME = 2;

/** Who has an address of this node. */
type Holder =
  /** `behind`: the prefix that the address is in, if the pod is its router; else empty. */
  | { readonly kind: 'pod'; readonly pod: Pod; readonly behind: string }
  | { readonly kind: 'node' }
  | { readonly kind: 'nobody' };

/** What was found, or why nobody could look. */
type Look = { readonly facts: PassageFacts; readonly ruleset: Ruleset } | { readonly why: string };

/** A look with what it is about. */
interface Leg {
  readonly packet: PacketDescription;
  readonly passage: Passage;
  readonly look: Look;
  /** What policies decide where this node forwards it; `undefined`: there is no plan, or it is looked at in a pod. */
  readonly policies: PolicyVerdicts | undefined;
}

interface PolicyVerdicts {
  readonly edges: readonly PolicyEdge[];
  readonly names: EdgeNames;
}

export class KernelExplainer {
  readonly #options: KernelExplainerOptions;
  readonly #turns = new Turns(LOOKS_AT_A_TIME);
  readonly #reading = new Map<string, Promise<Ruleset>>();

  constructor(options: KernelExplainerOptions) {
    this.#options = options;
  }

  /** The part of this node, of a packet that one of its pods or itself sends, with the kernels on its way. */
  async departure(packet: PacketDescription, told: Stage): Promise<Stage> {
    return await this.#turns.run(async () => {
      const before = await this.#sending(packet);
      if (before.some(({ fate }) => fate !== null)) return withPassages(told, { before, after: [] });
      const after = told.fate === 'delivered' ? await this.#receivingPod(packet) : await this.#leaving(told);
      return withPassages(told, { before, after });
    });
  }

  /**
   * The same of a datagram that comes from `sender`.
   *
   * @param client whose packet it was, if the node before gave it another source
   */
  async arrival(packet: PacketDescription, sender: IpAddress, told: Stage, client?: IpAddress): Promise<Stage> {
    return await this.#turns.run(async () => {
      const { underlay, vxlanPort } = this.#options;
      const { address, interface: device } = underlay();
      const outer = outerPacket(sender, address, vxlanPort);
      const leg = await this.#leg(outer, { entry: device }, { to: 'here' });
      const before = [judged(leg)];
      if (told.fate !== 'delivered') return withPassages(told, { before, after: await this.#leaving(told) });
      return withPassages(told, { before, after: await this.#receiving(packet, client) });
    });
  }

  /** From where the packet is made until it is weft's, or the next pod's. */
  async #sending(packet: PacketDescription): Promise<JudgedPassage[]> {
    const { nodeName } = this.#options;
    const holder = this.#holderOf(packet.source);
    const aim = this.#aimAt(packet.destination);
    const exit = aim.to === 'device' ? { exit: aim.device } : {};
    if (holder.kind === 'nobody') return [await this.#ofNobody(packet, exit, aim)];
    if (holder.kind === 'node') return [judged(await this.#leg(packet, exit, aim))];
    const { pod, behind } = holder;
    const place = `pod ${titleOf(pod)}`;
    if (namespaceIdentity(pod.netns) === undefined) return [podIsGone(pod)];
    // By which device it comes into the pod, nobody knows here.
    if (behind !== '') {
      const leg = await this.#leg(packet, { entry: pod.hostDevice, ...exit }, aim);
      return [behindPod(pod, packet.source, behind, 'pass'), judged(leg, pod.mac)];
    }
    const gateway = POD_GATEWAY[packet.source.family];
    const [inPod, atNode] = await Promise.all([
      this.#leg(packet, { netns: pod.netns, exit: pod.device }, { to: 'device', device: pod.device }, place),
      this.#leg(packet, { entry: pod.hostDevice, gateway, ...exit }, aim),
    ]);
    const stays = staysInPod(inPod);
    if (stays !== undefined) return [stays];
    const first = judged(knowing(inPod, entryOf(atNode)));
    if (isForGroup(packet, atNode)) return [first, groupPassage(packet, atNode, nodeName)];
    const isRemembered = 'facts' in inPod.look && (inPod.look.facts.neighbour?.mac ?? '') !== '';
    const passage: Passage = { ...atNode.passage, gateway: { address: gateway, isRemembered } };
    return [first, judged({ ...atNode, passage }, macOf(exitOf(inPod)))];
  }

  /**
   * From a source that nobody here has: if it is a pod that sends from there, the kernel drops it, and otherwise nobody knows. What comes from outside
   * of the overlay is hardly a pod's: a client of a service may have it.
   */
  async #ofNobody(
    packet: PacketDescription,
    exit: { readonly exit?: string },
    aim: PassageAim,
  ): Promise<JudgedPassage> {
    const { nodeName, pods, clusterPrefixes } = this.#options;
    const why = `nobody there has ${formatIpAddress(packet.source)}, so that it is not known by which device it comes`;
    const unknown = unlookedPassage({ hook: 'kernel', place: nodeName }, why);
    const pod = pods().find(({ state }) => state === 'running');
    const isOfOverlay = clusterPrefixes.some((prefix) => prefixContains(prefix, packet.source));
    if (pod === undefined || !isOfOverlay) return unknown;
    const leg = await this.#leg(packet, { entry: pod.hostDevice, ...exit }, aim);
    return isDroppedAsSpoofed(leg, pod.mac) ? judged(leg, pod.mac) : unknown;
  }

  /** From weft to whoever has the address on this node. */
  async #receiving(packet: PacketDescription, client: IpAddress | undefined): Promise<JudgedPassage[]> {
    const { tunDevice } = this.#options;
    const aim = this.#aimAt(packet.destination);
    const exit = aim.to === 'device' ? { exit: aim.device } : {};
    const [atNode, inPod] = await Promise.all([
      this.#leg(packet, { entry: tunDevice, ...exit }, aim, undefined, client),
      this.#receivingLeg(packet),
    ]);
    // A TUN device has no MAC address.
    if (inPod === undefined) return [judged(atNode, '')];
    return 'steps' in inPod
      ? [judged(atNode, ''), inPod]
      : [judged(knowing(atNode, entryOf(inPod)), ''), judged(inPod, macOf(exitOf(atNode)))];
  }

  async #receivingPod(packet: PacketDescription): Promise<JudgedPassage[]> {
    const leg = await this.#receivingLeg(packet);
    return leg === undefined ? [] : ['steps' in leg ? leg : judged(leg)];
  }

  async #receivingLeg(packet: PacketDescription): Promise<Leg | JudgedPassage | undefined> {
    const holder = this.#holderOf(packet.destination);
    if (holder.kind !== 'pod') return undefined;
    const { pod, behind } = holder;
    if (namespaceIdentity(pod.netns) === undefined) return podIsGone(pod);
    if (behind !== '') return behindPod(pod, packet.destination, behind, 'unknown');
    return await this.#leg(packet, { netns: pod.netns, entry: pod.device }, { to: 'here' }, `pod ${titleOf(pod)}`);
  }

  /** The datagram around it, on its way out of the node. */
  async #leaving({ next }: Stage): Promise<JudgedPassage[]> {
    const endpoint = next === null ? undefined : parseEndpoint(next.endpoint);
    if (endpoint === undefined) return [];
    const { underlay, tunDevice, nodeName } = this.#options;
    const outer = outerPacket(underlay().address, endpoint.address, endpoint.port);
    const leg = await this.#leg(outer, {}, { to: 'away' });
    if (!('facts' in leg.look) || 'error' in leg.look.facts.route || leg.look.facts.route.device !== tunDevice)
      return [judged(leg)];
    const text = `the route of ${nodeName} to ${formatIpAddress(endpoint.address)} leads into ${tunDevice} itself`;
    return [{ steps: [{ hook: 'kernel', verdict: 'stop', text, details: { place: nodeName } }], fate: 'blocked' }];
  }

  async #leg(
    packet: PacketDescription,
    where: Pick<PassageQuestion, 'netns' | 'entry' | 'exit' | 'gateway'>,
    aim: PassageAim,
    place = this.#options.nodeName,
    client?: IpAddress,
  ): Promise<Leg> {
    const { source, destination, sizeBytes } = packet;
    const passage: Passage = {
      hook: where.netns === undefined ? 'kernel' : 'in-pod',
      place,
      family: source.family,
      source: formatIpAddress(source),
      destination: formatIpAddress(destination),
      sizeBytes,
      isEchoAnswer: packet.isAnswer === true && isEcho(source.family, packet.protocol),
      aim,
    };
    const { lookUp, policyPlan, knownFrontends } = this.#options;
    const isOfNode = where.netns === undefined;
    const [plan, frontends] = isOfNode ? await Promise.all([policyPlan(), knownFrontends()]) : [];
    const policies = plan && this.#policiesOf(plan, packet, client);
    try {
      const reading = this.#rulesetOf(where.netns, unlistedTables(plan, frontends));
      const [facts, ruleset] = await Promise.all([lookUp({ ...packet, ...where }), reading]);
      return { packet, passage, look: { facts, ruleset }, policies };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { packet, passage, look: { why: error.message }, policies };
    }
  }

  #policiesOf(plan: PlanState, packet: PacketDescription, client: IpAddress | undefined): PolicyVerdicts {
    const { nodeName, nodeAt } = this.#options;
    const edges = policyEdges(plan, packet);
    const nameOf = (address: IpAddress): string => {
      const holder = this.#holderOf(address);
      return holder.kind === 'pod' ? titleOf(holder.pod) : formatIpAddress(address);
    };
    const remarkOn = (address: IpAddress, direction: Direction): string => {
      const node = nodeAt(address);
      return node === undefined ? '' : nodeRemark(formatIpAddress(address), node, direction);
    };
    const { source, destination } = packet;
    const ofClient =
      client && clientRemark(formatIpAddress(client), edges, policyEdges(plan, { ...packet, source: client }));
    const ingress = [remarkOn(source, 'ingress'), ofClient ?? ''].filter((remark) => remark !== '').join('; ');
    const remarks = { ingress, egress: remarkOn(destination, 'egress') };
    return { edges, names: { place: nodeName, source: nameOf(source), destination: nameOf(destination), remarks } };
  }

  /** Several that ask at one time get the same. */
  async #rulesetOf(netns: string | undefined, without: readonly NftTable[]): Promise<Ruleset> {
    const key = netns ?? without.map(({ name }) => name).join();
    const { readRuleset } = this.#options;
    const reading = this.#reading.get(key) ?? readRuleset(netns, without).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return await reading;
  }

  #holderOf(address: IpAddress): Holder {
    const { nodeAddresses, pods, underlay } = this.#options;
    const holder = holderAmong(pods(), address);
    if (holder !== undefined) return { kind: 'pod', ...holder };
    const isOwn = [...nodeAddresses, underlay().address].some((own) => equalIpAddresses(own, address));
    return { kind: isOwn ? 'node' : 'nobody' };
  }

  /** Where the kernel of this node should lead a packet for the address. */
  #aimAt(destination: IpAddress): PassageAim {
    const { tunDevice, clusterPrefixes, nodePrefixes, nodeAddresses } = this.#options;
    const holder = this.#holderOf(destination);
    if (holder.kind === 'pod') return { to: 'device', device: holder.pod.hostDevice };
    if (nodeAddresses.some((own) => equalIpAddresses(own, destination))) return { to: 'here' };
    if (nodePrefixes.some((prefix) => prefixContains(prefix, destination))) return { to: 'nobody' };
    const isInCluster = clusterPrefixes.some((prefix) => prefixContains(prefix, destination));
    return isInCluster ? { to: 'device', device: tunDevice } : { to: 'anywhere' };
  }
}

/** @param sourceMac of the device that it comes from, if that is known. */
function judged({ packet, passage, look, policies }: Leg, sourceMac?: string): JudgedPassage {
  if ('why' in look) return unlookedPassage(passage, look.why);
  const { facts } = look;
  // What the table decides is known better than from its rules: which rule of which policy it is.
  const ruleset = policies === undefined ? look.ruleset : withoutPolicies(look.ruleset);
  const judgement = judgeFirewall(ruleset, packet, facts, sourceMac, passage.hook === 'in-pod');
  const isTracked = judgement?.packet.connection !== 'untracked';
  const firewall = firewallObstacle(judgement, passage.place);
  const { edges, names } = isForwarded(facts) && policies !== undefined ? policies : NO_POLICIES;
  // What is masqueraded behind them, policies have seen before.
  const denial = judgement?.routed.isTranslated === true ? untranslated(edges, names) : policyObstacle(edges, names);
  const isWorse = denial !== undefined && (firewall === undefined || firewall.verdict === 'unknown');
  const result = judgePassage(passage, facts, isWorse ? denial : firewall, isTracked);
  if (result.fate !== null || denial !== undefined) return result;
  return { ...result, steps: [...result.steps, ...policySteps(edges, names)] };
}

const NO_POLICIES: PolicyVerdicts = {
  edges: [],
  names: { place: '', source: '', destination: '', remarks: { ingress: '', egress: '' } },
};

/** Policies judge what a packet is translated to, which only the rules that do it know. */
function untranslated(edges: readonly PolicyEdge[], { place }: EdgeNames): FirewallObstacle | undefined {
  if (edges.length === 0) return undefined;
  const text = `whether network policies of ${place} let it pass cannot be told: its addresses are translated before`;
  return { verdict: 'unknown', isBeforeRoute: false, text };
}

function isForwarded({ entry, route }: PassageFacts): boolean {
  return entry !== undefined && 'type' in route && route.type === 'unicast';
}

function withoutPolicies({ chains }: Ruleset): Ruleset {
  return { chains: chains.filter(({ table }) => table !== POLICY_TABLE_TITLE) };
}

/** As titles of chains have it. */
const POLICY_TABLE_TITLE = `nftables table ${titleOfTable(POLICY_TABLE)}`;

/** The device at the other end of the wire, as seen there. */
function entryOf({ look }: Leg): SoughtLink | undefined {
  return 'facts' in look ? look.facts.entry : undefined;
}

/** The device that it leaves by. */
function exitOf({ look }: Leg): SoughtLink | undefined {
  return 'facts' in look ? look.facts.exit : undefined;
}

function macOf(link: SoughtLink | undefined): string | undefined {
  return link === undefined || 'isMissing' in link ? undefined : link.mac;
}

function isDroppedAsSpoofed({ packet, look }: Leg, mac: string): boolean {
  if ('why' in look) return false;
  const judgement = judgeFirewall(look.ruleset, packet, look.facts, mac, false);
  return judgement !== undefined && isSpoofed(judgement);
}

/** A leg that leads to a device whose MAC address is known. */
function knowing(leg: Leg, next: SoughtLink | undefined): Leg {
  const { passage } = leg;
  if (passage.aim.to !== 'device' || next === undefined || 'isMissing' in next) return leg;
  return { ...leg, passage: { ...passage, aim: { ...passage.aim, mac: next.mac } } };
}

/** What a pod sends to itself. */
function staysInPod({ passage, look }: Leg): JudgedPassage | undefined {
  if ('why' in look || 'error' in look.facts.route || look.facts.route.type !== 'local') return undefined;
  const text = `${passage.destination} is ${passage.place} itself: the packet never leaves it`;
  return {
    steps: [{ hook: passage.hook, verdict: 'pass', text, details: { place: passage.place } }],
    fate: 'delivered',
  };
}

function isForGroup({ destination }: PacketDescription, { look }: Leg): boolean {
  const kind = destinationKind(destination);
  if (kind === 'multicast' || kind === 'broadcast') return true;
  return 'facts' in look && 'type' in look.facts.route && look.facts.route.type === 'broadcast';
}

/** What is for a group, or for all on the wire: the node may take it, but passes it on to nobody. */
function groupPassage(packet: PacketDescription, { look, passage }: Leg, node: string): JudgedPassage {
  if ('why' in look) return unlookedPassage(passage, look.why);
  const { facts } = look;
  const isMember = packet.source.family === 6 ? facts.groups.includes(passage.destination) : 'type' in facts.route;
  const isAnswering =
    !isEcho(packet.source.family, packet.protocol) ||
    packet.source.family === 6 ||
    facts.sysctls['net/ipv4/icmp_echo_ignore_broadcasts'] === '0';
  const isDelivered = isMember && isAnswering;
  const text = groupWords(packet.destination, node, isMember, !isAnswering);
  const verdict = isDelivered ? 'pass' : 'stop';
  return {
    steps: [{ hook: 'kernel', verdict, text, details: { place: node } }],
    fate: isDelivered ? 'delivered' : 'blocked',
  };
}

/** What a router does, on either side of it: a packet that comes from behind it was forwarded, and of one that goes there nobody knows. */
function behindPod(pod: Pod, address: IpAddress, prefix: string, verdict: 'pass' | 'unknown'): JudgedPassage {
  const name = titleOf(pod);
  const lies = `${formatIpAddress(address)} lies in ${prefix}, behind pod ${name}`;
  const text =
    verdict === 'pass'
      ? `${lies}: taken as forwarded by that pod`
      : `pod ${name} gets it as the router of ${prefix}: whether it forwards it, and who has ${formatIpAddress(address)}, is not known`;
  return { steps: [{ hook: 'in-pod', verdict, text, details: { pod: name, prefix } }], fate: null };
}

function podIsGone(pod: Pod): JudgedPassage {
  const name = titleOf(pod);
  const text = `pod ${name} has no network namespace any more: there is none at ${pod.netns}`;
  return { steps: [{ hook: 'in-pod', verdict: 'stop', text, details: { pod: name } }], fate: 'blocked' };
}

/** The datagram of weft around a packet, as far as kernels decide by it. */
function outerPacket(source: IpAddress, destination: IpAddress, destinationPort: number): PacketDescription {
  return { source, destination, protocol: IpProtocol.udp, sourcePort: 0, destinationPort, sizeBytes: 0 };
}
