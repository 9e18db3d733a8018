/**
 * This node's part of an explanation: what it would do with a packet of its own, or with a datagram of a peer. The dataplane is
 * asked, as it is now; everything else is what this node knows of routes, paths and pods.
 */
import type { PodIndex } from '../../directory/pod-index.ts';
import { titleOf } from '../pods/pod-key.ts';
import type { ForwardingReader } from '../../dataplane/forwarding-table.ts';
import { NotFoundError } from '../../errors.ts';
import type { AddressHolder } from '../../explain/address-holder.ts';
import { tellArrival } from '../../explain/arrival.ts';
import { assumedDatagram } from '../../explain/assumed-datagram.ts';
import { type ToldStage, tellDeparture } from '../../explain/departure.ts';
import type { Handover, Stage } from '../../explain/explanation.ts';
import { type FaultFacts, withFaults } from '../../explain/injected-fault.ts';
import { innerDestination, innerSource } from '../../explain/inner-addresses.ts';
import { masqueradeStep } from '../../explain/masquerade.ts';
import type { NodeAddress } from '../../explain/policy-words.ts';
import type { PacketDescription } from '../../explain/packet-description.ts';
import { Rehearsal, type Rehearsed, type RehearsedDatagram } from '../../explain/rehearsal.ts';
import { type ServiceChoice, tellChoice } from '../../explain/service-choice.ts';
import { syntheticPacket } from '../../explain/synthetic-packet.ts';
import { type PathFacts, type UnderlayFacts, outerPacketBytes } from '../../explain/underlay-words.ts';
import { nodeAddressIn } from '../../ipam/pool.ts';
import {
  type Endpoint,
  equalIpAddresses,
  formatEndpoint,
  formatIpAddress,
  type IpAddress,
} from '../../wire/address.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { formatPrefix, parsePrefix, type Prefix, prefixContains } from '../../wire/prefix.ts';
import { holderAmong } from '../pods/pod-holder.ts';
import type { Fault } from '../../api/fault-api.ts';
import { describeFault } from '../../api/fault-words.ts';
import type { Config } from '../config/config.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { EventLog } from '../process/event-log.ts';
import type { Gossip } from '../gossip/gossip.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { PathProber } from '../routes/path-prober.ts';
import type { Pods } from '../pods/pods.ts';
import type { OwnPrefixes } from '../routes/own-prefixes.ts';
import type { Status } from '../../api/control-api.ts';
import type { Underlay } from '../underlay/underlay.ts';
import { SENDING_SOCKETS } from '../../dataplane/flow-hash.ts';

/** What it needs to know. */
export interface LocalExplainerParts {
  readonly config: Config;
  readonly dataplane: Dataplane;
  readonly events: EventLog;
  readonly gossip: Gossip;
  readonly routes: OverlayRoutes;
  /** Absent where paths are not probed. */
  readonly paths: PathProber | undefined;
  readonly pods: Pods;
  readonly index: PodIndex;
  readonly prefixes: OwnPrefixes;
  /** Of network policies, if the kernel has just that now; `undefined`: there is none, or the kernel has something else. */
  readonly policyPlan: () => Promise<PlanState | undefined>;
  /** Of services, the number of addresses and ports that the kernel has, if it has just those; `undefined`: as above. */
  readonly knownFrontends: () => Promise<number | undefined>;
  /** A node that has an address, as policies know it; `undefined`: none has, or there are no policies. */
  readonly policyNodeAt: (address: IpAddress) => NodeAddress | undefined;
  /** What the kernel would do with the first packet of a flow, as `ServiceChoices.of`; `undefined`: it is for no service. */
  readonly serviceChoice: (packet: PacketDescription, isInside: boolean) => Promise<ServiceChoice | undefined>;
  readonly status: () => Status;
  /** The one in use at the moment. */
  readonly underlay: () => Underlay;
  readonly overlayMtuBytes: number;
}

/** A datagram of a peer, or several, if a packet was cut. */
export interface ArrivedDatagrams {
  /** What is in them. */
  readonly packet: PacketDescription;
  /** Underlay address that they come from. */
  readonly sender: IpAddress;
  /** Of the outer header. */
  readonly trafficClass: number;
  /** At least one. */
  readonly datagrams: readonly Uint8Array[];
}

/** Events that say where a route went. */
const ROUTE_NEWS = ['route-removed', 'route-changed'] as const;
/** Events that say why a route went. */
const MEMBER_NEWS = ['member-dead', 'member-left', 'member-forgotten', 'member-announced'] as const;

export class LocalExplainer {
  readonly #parts: LocalExplainerParts;
  readonly #faults: () => readonly Fault[];
  #rehearsal: Rehearsal | undefined;

  /** @param faults that are injected at this node. */
  constructor(parts: LocalExplainerParts, faults: () => readonly Fault[]) {
    this.#parts = parts;
    this.#faults = faults;
  }

  /** What becomes of a packet that is for a service, where it begins; `null`: it is for none. */
  async service(packet: PacketDescription): Promise<{ readonly choice: unknown }> {
    const { config, serviceChoice, underlay } = this.#parts;
    const { source, sourcePort } = packet;
    const isInside = this.#holderOf(source).kind !== 'nobody' || equalIpAddresses(underlay().address, source);
    const choice = await serviceChoice(packet, isInside);
    if (choice === undefined) return { choice: null };
    const isItself = choice.backend?.address === formatIpAddress(source);
    const told = tellChoice(choice, config.nodeName, sourcePort, isItself);
    const backend =
      choice.backend === undefined ? null : { address: choice.backend.address, port: choice.backend.port };
    return { choice: { ...told, backend } };
  }

  /** What would become of a packet that a pod of this node, or the node itself, sends. */
  departure(packet: PacketDescription): Stage {
    const { config, dataplane, routes } = this.#parts;
    const { destination, sizeBytes } = packet;
    const given = this.#masqueradedSource(packet);
    const source = given ?? packet.source;
    return dataplane.look((forwarding) => {
      const outcome = this.#rehearse(forwarding).egress(syntheticPacket({ ...packet, source }));
      const entry = forwarding.lookup(destination.bytes, 0, destination.family);
      const route = routes.routeTo(destination);
      const told = tellDeparture({
        node: config.nodeName,
        source: formatIpAddress(source),
        destination: formatIpAddress(destination),
        sizeBytes,
        sourceHolder: this.#holderOf(source),
        destinationHolder: this.#holderOf(destination),
        clusterPrefixes: config.clusterPrefixes.map(formatPrefix),
        isInCluster: config.clusterPrefixes.some((prefix) => prefixContains(prefix, destination)),
        route,
        lastNews: route === undefined ? this.#lastNewsOf(destination) : undefined,
        outcome,
        path: entry > 0 ? this.#pathOver(entry, forwarding) : undefined,
        underlay: this.#underlayOf(outcome, forwarding),
      });
      const stage = this.#leaving(told, outcome, forwarding);
      if (given === undefined) return stage;
      const [own, masqueraded] = [formatIpAddress(packet.source), formatIpAddress(given)];
      return { ...stage, steps: [masqueradeStep(own, masqueraded, config.nodeName), ...stage.steps], masqueraded };
    });
  }

  /** What would become of a datagram that comes from a peer. Of several that are cut from one packet, the worst. */
  arrival({ sender, trafficClass, datagrams }: ArrivedDatagrams): Stage {
    const { config, dataplane } = this.#parts;
    return dataplane.look((forwarding) => {
      const outcome = joined(
        datagrams.map((datagram) => this.#rehearse(forwarding).ingress(datagram, sender, trafficClass)),
      );
      const peer = forwarding.peerBySender(sender.bytes, 0, sender.family);
      const source = innerSource(datagrams[0]!);
      const destination = innerDestination(datagrams[0]!);
      const underlay = this.#underlayOf(outcome, forwarding);
      const told = tellArrival({
        node: config.nodeName,
        sender: formatIpAddress(sender),
        senderName: this.#nameOf(peer),
        originName: (source && this.#parts.routes.routeTo(source)?.node) ?? '',
        destination: destination === undefined ? '' : formatIpAddress(destination),
        holder: destination === undefined ? { kind: 'nobody', prefix: '' } : this.#holderOf(destination),
        outcome,
        target: underlay?.nextNode ?? '',
        path: outcome.verdict === 'relay' ? this.#pathOver(outcome.datagrams[0]!.peer, forwarding) : undefined,
        underlay,
      });
      const outerBytes = outerPacketBytes(longest(datagrams), sender.family);
      return this.#leaving(
        withFaults(told, this.#faultsAt('in', this.#nameOf(peer)), 'in', outerBytes),
        outcome,
        forwarding,
      );
    });
  }

  /**
   * What would come here if node `from`, which cannot be asked, sent the packet straight.
   *
   * @throws NotFoundError `peer-unknown`
   */
  assumed(packet: PacketDescription, from: string): ArrivedDatagrams {
    const { dataplane, routes, config } = this.#parts;
    const [peer] = [...routes.entryNames()].find(([, { name, relay }]) => name === from && relay === '') ?? [];
    if (peer === undefined) throw new NotFoundError('peer-unknown', `${from} is no peer of ${config.nodeName}`);
    return dataplane.look((forwarding) => ({
      packet,
      sender: endpointOf(peer, forwarding).address,
      trafficClass: 0,
      datagrams: [assumedDatagram(syntheticPacket(packet), config.vxlan.vni, peer, forwarding)],
    }));
  }

  /** With what befalls it on the way out, if it leaves, and where it goes then. */
  #leaving(told: ToldStage, outcome: Rehearsed, forwarding: ForwardingReader): Stage {
    if (told.fate !== null || (outcome.verdict !== 'send' && outcome.verdict !== 'relay'))
      return { ...told, next: null };
    const { datagrams, verdict } = outcome;
    const { peer } = datagrams[0]!;
    const way = verdict === 'relay' ? 'relayed' : 'out';
    const outerBytes = outerPacketBytes(longest(datagrams.map(({ bytes }) => bytes)), forwarding.endpointFamily(peer));
    const stage = withFaults(told, this.#faultsAt('out', this.#nextNode(peer)), way, outerBytes);
    return { ...stage, next: stage.fate === null ? this.#handover(outcome, forwarding) : null };
  }

  /** This node's overlay address, if a packet enters the overlay under it: as `into-overlay` in `rules/node-rules.ts` has it. */
  #masqueradedSource({ source, destination }: PacketDescription): IpAddress | undefined {
    const { config, prefixes, routes, status } = this.#parts;
    const { clusterPrefixes, masquerade, nodePrefixes } = config;
    const own = nodePrefixes.find(({ address }) => address.family === source.family);
    if (!masquerade.intoOverlay || own === undefined || isIn(prefixes.current(), source)) return undefined;
    if (!isIn(clusterPrefixes, destination) || routes.routeTo(destination)?.kind === 'local') return undefined;
    if (this.#holderOf(source).kind === 'pod') return undefined;
    if (status().notices.some(({ code }) => code === 'masquerade-unavailable')) return undefined;
    return nodeAddressIn(own);
  }

  #faultsAt(direction: Fault['direction'], peer: string): FaultFacts[] {
    return this.#faults()
      .filter((fault) => fault.direction === direction && (fault.peer === '' || fault.peer === peer))
      .map((fault) => ({ ...fault, words: describeFault(fault) }));
  }

  #rehearse(forwarding: ForwardingReader): Rehearsal {
    const { config, dataplane, overlayMtuBytes } = this.#parts;
    const { dscp, without } = config.dataplane;
    this.#rehearsal ??= new Rehearsal({
      forwarding,
      vni: config.vxlan.vni,
      overlayMtuBytes,
      nodeAddresses: config.nodePrefixes.map(nodeAddressIn),
      sendingSockets: SENDING_SOCKETS,
      outerFragmentation: dataplane.features.outerFragmentation,
      trafficClass: { ecn: !without.includes('ecn'), dscp },
    });
    return this.#rehearsal;
  }

  #holderOf(address: IpAddress): AddressHolder {
    const { config, pods } = this.#parts;
    if (config.nodePrefixes.some((prefix) => equalIpAddresses(nodeAddressIn(prefix), address))) {
      return { kind: 'node', device: config.tun.device };
    }
    const holder = holderAmong(pods.list(), address);
    if (holder !== undefined) {
      const { state, hostDevice: device } = holder.pod;
      const name = titleOf(holder.pod);
      const isRunning = state !== 'gone';
      return holder.behind === ''
        ? { kind: 'pod', name, isRunning, device }
        : { kind: 'behind', name, prefix: holder.behind, isRunning, device };
    }
    const prefix = config.nodePrefixes.find((one) => prefixContains(one, address));
    return { kind: 'nobody', prefix: prefix === undefined ? '' : formatPrefix(prefix) };
  }

  /** The last thing that happened to a route to the address, and to the node that had it. */
  #lastNewsOf(address: IpAddress): string | undefined {
    const { events } = this.#parts;
    const news = events.list({ kinds: ROUTE_NEWS }).findLast(({ subject }) => {
      const prefix = parsePrefix(subject);
      return prefix !== undefined && prefixContains(prefix, address);
    });
    if (news === undefined) return undefined;
    const node = news.details['node'];
    const member = events.list({ kinds: MEMBER_NEWS }).findLast(({ subject }) => subject === node);
    const all = member === undefined ? [news] : [member, news];
    return all.map(({ time, message }) => `${time.slice(11, 19)} UTC ${message}`).join('; ');
  }

  #nameOf(entry: number): string {
    return this.#parts.routes.entryNames().get(entry)?.name ?? '';
  }

  #pathOver(entry: number, forwarding: ForwardingReader): PathFacts {
    const { routes, paths } = this.#parts;
    const { name, relay } = routes.entryNames().get(entry) ?? { name: '', relay: '' };
    const state = paths?.stateOf(entry);
    return {
      node: name,
      relay,
      mtuBytes: forwarding.mtuOf(entry),
      isProbed: state !== undefined,
      isDown: paths?.isDown(entry) ?? false,
      roundTripMs: state?.roundTripMs?.smoothed,
      lossRatio: state?.lossRatio ?? undefined,
      probes: state?.probes ?? 0,
      state: this.#memberState(name) ?? 'static',
    };
  }

  #memberState(name: string): string | undefined {
    return this.#parts.gossip.members().find(({ announcement }) => announcement.name === name)?.state;
  }

  #underlayOf(outcome: Rehearsed, forwarding: ForwardingReader): UnderlayFacts | undefined {
    const datagram = firstDatagram(outcome);
    if (datagram === undefined) return undefined;
    const endpoint = endpointOf(datagram.peer, forwarding);
    return {
      underlayAddress: formatIpAddress(this.#parts.underlay().address),
      endpoint: formatEndpoint(endpoint),
      nextNode: this.#nextNode(datagram.peer),
      underlayFamily: endpoint.address.family,
    };
  }

  #nextNode(entry: number): string {
    const { name, relay } = this.#parts.routes.entryNames().get(entry) ?? { name: '', relay: '' };
    return relay === '' ? name : relay;
  }

  #handover(outcome: Rehearsed, forwarding: ForwardingReader): Handover | null {
    const datagram = firstDatagram(outcome);
    if (datagram === undefined || outcome.verdict === 'deliver' || outcome.verdict === 'drop') return null;
    const node = this.#nextNode(datagram.peer);
    return {
      node,
      isNode: this.#memberState(node) !== undefined,
      sender: formatIpAddress(this.#parts.underlay().address),
      endpoint: formatEndpoint(endpointOf(datagram.peer, forwarding)),
      trafficClass: datagram.trafficClass,
      datagrams: outcome.datagrams.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
      isPathDown: this.#pathOver(datagram.peer, forwarding).isDown,
    };
  }
}

function isIn(prefixes: readonly Prefix[], address: IpAddress): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, address));
}

function longest(all: readonly Uint8Array[]): number {
  return Math.max(...all.map(({ length }) => length));
}

function endpointOf(peer: number, forwarding: ForwardingReader): Endpoint {
  const family = forwarding.endpointFamily(peer);
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  forwarding.copyEndpointAddress(peer, bytes, 0);
  return { address: { family, bytes }, port: forwarding.endpointPort(peer) };
}

function firstDatagram(outcome: Rehearsed): RehearsedDatagram | undefined {
  return outcome.verdict === 'send' || outcome.verdict === 'relay' ? outcome.datagrams[0] : undefined;
}

/** What becomes of a packet that came in several datagrams: all of them are needed, so one that is dropped decides. */
function joined(outcomes: readonly Rehearsed[]): Rehearsed {
  const dropped = outcomes.find(({ verdict }) => verdict === 'drop');
  if (dropped !== undefined) return dropped;
  const datagrams = outcomes.flatMap((outcome) => (outcome.verdict === 'relay' ? outcome.datagrams : []));
  if (datagrams.length > 0) return { verdict: 'relay', datagrams };
  return { verdict: 'deliver', packets: outcomes.flatMap((one) => (one.verdict === 'deliver' ? one.packets : [])) };
}
