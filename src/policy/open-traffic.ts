/** What may begin between two addresses, of all that policies can tell apart. */
import type { IpAddress } from '../wire/address.ts';
import type { ClusterView } from './cluster-view.ts';
import type { PolicyProtocol, PolicyRule } from './policy.ts';
import { type Flow, verdict } from './verdict.ts';

/** Two ends, behind the translation of service addresses. */
export interface FlowEnds {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/** Ports of a protocol at the destination, from the first to the last, both included. */
export interface PortTraffic {
  readonly protocol: PolicyProtocol;
  readonly first: number;
  readonly last: number;
}

/** `others`: whatever has no ports for policies, such as ICMP. */
export type Traffic = PortTraffic | 'others';

/** In order of display. */
export const trafficProtocols = ['TCP', 'UDP', 'SCTP'] as const satisfies readonly PolicyProtocol[];

const FIRST_PORT = 1;
const LAST_PORT = 65_535;

/**
 * All that may be asked for between two addresses, in parts of which each is allowed or denied as a whole: by protocol and port, and at the end
 * what has none.
 */
export function trafficBetween({ source, destination }: FlowEnds, cluster: ClusterView): readonly Traffic[] {
  const receivers = cluster.podsAt(destination);
  const rules = [
    ...receivers.flatMap((pod) => cluster.policiesFor(pod, 'ingress')).flatMap(({ ingress }) => ingress),
    ...cluster
      .podsAt(source)
      .flatMap((pod) => cluster.policiesFor(pod, 'egress'))
      .flatMap(({ egress }) => egress),
  ];
  const named = receivers.flatMap(({ ports }) => ports);
  const parts = trafficProtocols.flatMap((protocol) => {
    const firsts = [...new Set([FIRST_PORT, ...rules.flatMap((rule) => edgesOf(rule, protocol, named))])]
      .filter((port) => port <= LAST_PORT)
      .sort((a, b) => a - b);
    return firsts.map((first, at): Traffic => ({ protocol, first, last: (firsts[at + 1] ?? LAST_PORT + 1) - 1 }));
  });
  return [...parts, 'others'];
}

/** Ports at which a rule begins to match, or ends to. */
function edgesOf(
  { ports = [] }: PolicyRule,
  protocol: PolicyProtocol,
  named: readonly { readonly name: string; readonly port: number }[],
): readonly number[] {
  return ports.flatMap((port) => {
    if ((port.protocol ?? protocol) !== protocol || port.kind === 'any') return [];
    if (port.kind === 'range') return [port.first, port.last + 1];
    return named.filter(({ name }) => name === port.name).flatMap(({ port: number }) => [number, number + 1]);
  });
}

/** What of it is allowed. */
export function openTraffic(ends: FlowEnds, cluster: ClusterView): readonly Traffic[] {
  return joinedTraffic(trafficBetween(ends, cluster).filter((part) => verdict(flowOf(ends, part), cluster).isAllowed));
}

/** The same with ports as one that lie side by side. @param traffic in the order of {@link trafficBetween} */
export function joinedTraffic(traffic: readonly Traffic[]): readonly Traffic[] {
  const joined: Traffic[] = [];
  for (const part of traffic) {
    const before = joined.at(-1);
    const isBehind =
      part !== 'others' &&
      before !== undefined &&
      before !== 'others' &&
      before.protocol === part.protocol &&
      before.last + 1 === part.first;
    if (isBehind) joined[joined.length - 1] = { ...before, last: part.last };
    else joined.push(part);
  }
  return joined;
}

/** One flow of it, which stands for all. */
export function flowOf(ends: FlowEnds, traffic: Traffic): Flow {
  if (traffic === 'others') return { ...ends, protocol: undefined, port: undefined };
  return { ...ends, protocol: traffic.protocol, port: traffic.first };
}

/** `tcp 5432`, `udp 8000-8080`, `sctp`, `icmp`, with everything that has no ports either; each protocol once. */
export function trafficTexts(traffic: readonly Traffic[]): readonly string[] {
  const texts = trafficProtocols.flatMap((protocol) => {
    const ranges = traffic.filter((part) => part !== 'others').filter((part) => part.protocol === protocol);
    if (ranges.length === 0) return [];
    const ports = ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
    const isWhole = ranges.some(({ first, last }) => first === FIRST_PORT && last === LAST_PORT);
    return `${protocol.toLowerCase()}${isWhole ? '' : ` ${ports.join(',')}`}`;
  });
  return traffic.includes('others') ? [...texts, 'icmp'] : texts;
}

/** Whether it is all that there is. */
export function isEverything(traffic: readonly Traffic[]): boolean {
  const whole = traffic.filter((part) => part === 'others' || (part.first === FIRST_PORT && part.last === LAST_PORT));
  return whole.length === trafficProtocols.length + 1;
}
