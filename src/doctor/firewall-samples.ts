/** Packets by which a firewall is tried: of pods in all directions, of VXLAN and of gossip. */
import { type FilteredPacket, firstPacket } from '../firewall/filtered-packet.ts';
import type { Passage } from '../firewall/judgement.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress, parseEndpoint, parseIpAddress } from '../wire/address.ts';
import { IpProtocol } from '../wire/ip.ts';
import { addressAt, type Prefix, parsePrefix, prefixContains, prefixCovers } from '../wire/prefix.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { DaemonFacts, Facts, PeerFacts, Plumbing } from './facts.ts';
import { isSilent } from './facts.ts';

/** One packet, and what it stands for. */
export interface FirewallSample {
  /** `packets from pods to other nodes`, `VXLAN from other nodes (UDP port 4789)`. */
  readonly subject: string;
  readonly isOfPods: boolean;
  readonly protocol: 'TCP' | 'UDP' | 'ICMP';
  /** Which of those that the subject is about: a node, or two addresses. */
  readonly ends: string;
  readonly passage: Passage;
  readonly packet: FilteredPacket;
}

/** A pod, or where one could be. */
interface End {
  readonly device: string;
  readonly address: IpAddress | undefined;
}

/** Pods and nodes that are tried, beside those that rules name: a rule against one of many is found by its words. */
const MAX_PODS = 4;
const MAX_NAMED = 16;
const MAX_PEERS = 16;

/** Device of a pod where there is none. See `hostDeviceName`. */
const SAMPLE_DEVICE = 'wf00000000';

/** Ports of pods: such as programs choose, and not one that a firewall has an opinion about. */
const FROM_PORT = 50_000;
const TO_PORT = 40_000;

/** @param words of all rules. */
export function firewallSamples({ host, daemon }: Facts, words: readonly string[]): FirewallSample[] {
  const { plumbing, hasIpv6 } = host;
  const { clusterPrefixes } = plumbing;
  const families = ([4, 6] as const).filter(
    (family) =>
      (family === 4 || hasIpv6) &&
      (clusterPrefixes.length === 0 || clusterPrefixes.some(({ address }) => address.family === family)),
  );
  const named = namedPrefixes(words, clusterPrefixes);
  return [
    ...families.flatMap((family) => podSamples(plumbing, family, words, named)),
    ...underlaySamples(plumbing, 'absence' in daemon ? undefined : daemon),
  ];
}

function podSamples(
  plumbing: Plumbing,
  family: 4 | 6,
  words: readonly string[],
  named: readonly Prefix[],
): FirewallSample[] {
  const { tunDevice } = plumbing;
  const here = localEnds(plumbing, family, words, named);
  const there = remoteEnds(plumbing, family, named);
  const [first, second = first] = here;
  const pairs = [...here.map((end) => [end, there[0]] as const), ...there.slice(1).map((end) => [first, end] as const)];
  const remote = pairs.flatMap(([pod, other]) => [
    ...sample('packets from pods to other nodes', family, pod!, { device: tunDevice, address: other }),
    ...sample('packets from other nodes to pods', family, { device: tunDevice, address: other }, pod!),
  ]);
  return [...remote, ...sample('packets between pods of this node', family, first!, second!)];
}

function sample(subject: string, family: 4 | 6, from: End, to: End): FirewallSample[] {
  const icmp = family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6;
  const ends = [from.address, to.address].map((one) => (one === undefined ? 'any' : formatIpAddress(one))).join(' to ');
  return (['TCP', 'UDP', 'ICMP'] as const).map((protocol) => {
    const ports = protocol === 'ICMP' ? {} : { sourcePort: FROM_PORT, destinationPort: TO_PORT };
    const packet = firstPacket({
      family,
      inDevice: from.device,
      outDevice: to.device,
      source: from.address,
      destination: to.address,
      protocol: { TCP: IpProtocol.tcp, UDP: IpProtocol.udp, ICMP: icmp }[protocol],
      // Routes are as weft sets them, or another check says what is wrong with them.
      returnsByInDevice: true,
      ...ports,
    });
    return { subject, isOfPods: true, protocol, ends, passage: 'forwarded', packet };
  });
}

/** Some pods, and those that rules name. */
function localEnds(
  { pods, nodePrefixes }: Plumbing,
  family: 4 | 6,
  words: readonly string[],
  named: readonly Prefix[],
) {
  const own = pods.flatMap(({ device, addresses }) => {
    const address = addresses.find((one) => one.family === family);
    return address === undefined ? [] : [{ device, address }];
  });
  const isNamed = ({ device, address }: End & { readonly address: IpAddress }): boolean =>
    words.some((text) => text.includes(device) || text.includes(formatIpAddress(address)));
  const chosen = [...own.slice(0, MAX_PODS), ...own.slice(MAX_PODS).filter(isNamed).slice(0, MAX_NAMED)];
  const prefix = nodePrefixes.find(({ address }) => address.family === family);
  const device = chosen[0]?.device ?? SAMPLE_DEVICE;
  const others = named.flatMap((one) => {
    if (one.address.family !== family) return [];
    const isOwn = nodePrefixes.some((prefix) => prefixContains(prefix, one.address));
    const router = pods.find(({ allowSources }) => allowSources.some((prefix) => prefixContains(prefix, one.address)));
    return isOwn || router !== undefined ? [{ device: router?.device ?? device, address: hostIn(one) }] : [];
  });
  const usual: End[] = chosen.length > 0 ? chosen : [{ device, address: prefix && hostIn(prefix) }];
  return [...usual, ...others];
}

/** Addresses of pods of other nodes: one of anywhere, and those that rules name. */
function remoteEnds(
  { clusterPrefixes, nodePrefixes, pods }: Plumbing,
  family: 4 | 6,
  named: readonly Prefix[],
): (IpAddress | undefined)[] {
  const own = [...nodePrefixes, ...pods.flatMap(({ allowSources }) => allowSources)];
  const isHere = (address: IpAddress): boolean => own.some((prefix) => prefixContains(prefix, address));
  const cluster = clusterPrefixes.find(({ address }) => address.family === family);
  const anywhere = cluster && [lastIn(cluster), hostIn(cluster)].find((address) => !isHere(address));
  const others = named.filter(({ address }) => address.family === family).map(hostIn);
  return [anywhere, ...others.filter((address) => !isHere(address))];
}

/** What rules name of the overlay: no more than a part of it, and no prefix that is about half of the internet. */
function namedPrefixes(words: readonly string[], clusterPrefixes: readonly Prefix[]): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const text of words) {
    for (const [word] of text.matchAll(/[0-9a-f]*[.:][0-9a-f.:]+(?:\/\d+)?/gi)) {
      const address = parseIpAddress(word);
      const prefix = address === undefined ? parsePrefix(word) : parsePrefix(`${word}/${address.bytes.length * 8}`);
      if (prefix === undefined || found.size >= MAX_NAMED) continue;
      if (clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix))) found.set(word, prefix);
    }
  }
  return [...found.values()];
}

function underlaySamples(plumbing: Plumbing, daemon: DaemonFacts | undefined): FirewallSample[] {
  const peers = (daemon?.peers ?? []).filter(({ state }) => state !== 'left');
  const chosen = [...peers.filter(isSilent), ...peers.filter((peer) => !isSilent(peer))].slice(0, MAX_PEERS);
  return chosen.length === 0 ? nodeSamples(plumbing, undefined) : chosen.flatMap((peer) => nodeSamples(plumbing, peer));
}

function nodeSamples({ underlay, vxlanPort, gossipPort }: Plumbing, peer: PeerFacts | undefined): FirewallSample[] {
  const endpoint = peer && parseEndpoint(peer.endpoint);
  const family = endpoint?.address.family ?? underlay?.address?.family ?? 4;
  const own = underlay?.address?.family === family ? underlay.address : undefined;
  const isSame = endpoint !== undefined && own !== undefined && equalIpAddresses(endpoint.address, own);
  if (isSame) return [];
  const device = underlay?.device;
  const toPort = endpoint?.port ?? vxlanPort;
  const incoming: Partial<FilteredPacket> = {
    inDevice: device,
    outDevice: '',
    source: endpoint?.address,
    destination: own,
    returnsByInDevice: peer?.routeDevice !== undefined && peer.routeDevice === device ? true : undefined,
  };
  const outgoing: Partial<FilteredPacket> = {
    inDevice: '',
    outDevice: device,
    source: own,
    destination: endpoint?.address,
  };
  const vxlan = `UDP port ${vxlanPort}`;
  const udp = { protocol: IpProtocol.udp };
  const gossip = { ...udp, sourcePort: gossipPort, destinationPort: gossipPort };
  const tcp = { protocol: IpProtocol.tcp, sourcePort: FROM_PORT, destinationPort: gossipPort };
  const answer: Partial<FilteredPacket> = {
    protocol: IpProtocol.tcp,
    sourcePort: gossipPort,
    destinationPort: FROM_PORT,
    tcpFlags: TcpFlag.syn | TcpFlag.ack,
    connection: 'established',
    connectionMark: undefined,
  };
  const one = (
    subject: string,
    protocol: 'TCP' | 'UDP',
    passage: 'incoming' | 'outgoing',
    packet: Partial<FilteredPacket>,
  ): FirewallSample => ({
    subject,
    isOfPods: false,
    protocol,
    ends: peer?.name ?? 'any',
    passage,
    packet: firstPacket({ family, ...(passage === 'incoming' ? incoming : outgoing), ...packet }),
  });
  return [
    one(`VXLAN from other nodes (${vxlan})`, 'UDP', 'incoming', {
      ...udp,
      sourcePort: FROM_PORT,
      destinationPort: vxlanPort,
    }),
    one(`VXLAN to other nodes (${vxlan})`, 'UDP', 'outgoing', {
      ...udp,
      sourcePort: FROM_PORT,
      destinationPort: toPort,
    }),
    one(`gossip from other nodes (UDP port ${gossipPort})`, 'UDP', 'incoming', gossip),
    one(`gossip to other nodes (UDP port ${gossipPort})`, 'UDP', 'outgoing', gossip),
    one(`gossip from other nodes (TCP port ${gossipPort})`, 'TCP', 'incoming', tcp),
    one(`gossip to other nodes (TCP port ${gossipPort})`, 'TCP', 'outgoing', tcp),
    one(`answers to gossip (TCP port ${gossipPort})`, 'TCP', 'incoming', answer),
  ];
}

/** An address that a pod could have there: not the first one, which is the prefix's. */
function hostIn(prefix: Prefix): IpAddress {
  return addressAt(prefix, 2) ?? prefix.address;
}

function lastIn(prefix: Prefix): IpAddress {
  const bits = prefix.address.bytes.length * 8 - prefix.lengthBits;
  // As far as numbers go: half of an IPv6 prefix will do.
  return addressAt(prefix, Math.max(0, 2 ** Math.min(bits, 48) - 2)) ?? prefix.address;
}
