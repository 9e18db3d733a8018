/** The way across the underlay in words: the path that a packet takes, and the datagram around it. Pure. */
import { ENCAPSULATION_LENGTH, OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import { formatMacAddress } from '../wire/address.ts';
import { ETHERNET_DESTINATION_OFFSET, ETHERNET_SOURCE_OFFSET } from '../wire/ethernet.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import { VXLAN_HEADER_LENGTH, readVni } from '../wire/vxlan.ts';
import type { ExplainedStep } from './explanation.ts';
import type { RehearsedDatagram } from './rehearsal.ts';

/** What is known of the path to the peer, straight or through a relay. */
export interface PathFacts {
  /** Name of the peer at its end. */
  readonly node: string;
  /** Name of the node in between, or empty. */
  readonly relay: string;
  /** Largest inner packet that passes, in bytes. */
  readonly mtuBytes: number;
  /** Whether probes measure it; the rest is known of such a path only. */
  readonly isProbed: boolean;
  /** Whether nothing comes back at the moment. */
  readonly isDown: boolean;
  /** There and back; `undefined` before the first answer. */
  readonly roundTripMs: number | undefined;
  /** Of the last {@link probes}, 0 to 1; `undefined` before the first answer. */
  readonly lossRatio: number | undefined;
  readonly probes: number;
  /** What gossip says of the peer. */
  readonly state: string;
}

/** Where datagrams go. */
export interface UnderlayFacts {
  /** Underlay address of this node. */
  readonly underlayAddress: string;
  /** Underlay address and port of the next node. */
  readonly endpoint: string;
  /** Name of the next node. */
  readonly nextNode: string;
  readonly underlayFamily: 4 | 6;
}

/** From this share on, loss is worth a warning. */
const NOTABLE_LOSS = 0.02;

/** Whether the packet fits its path, and how it gets there. */
export function pathStep(path: PathFacts, sizeBytes: number): ExplainedStep {
  const { node, relay, mtuBytes } = path;
  const way = relay === '' ? `straight to ${node}` : `to ${node} through ${relay}, as there is no good direct path`;
  const fits = sizeBytes <= mtuBytes ? 'so the packet fits' : 'and the packet is larger';
  const text = `goes ${way}: the path carries packets of ${mtuBytes} bytes, ${fits} (${sizeBytes})`;
  const details = { node, relay, pathMtuBytes: mtuBytes, sizeBytes };
  return { hook: 'route', verdict: relay === '' && sizeBytes <= mtuBytes ? 'pass' : 'doubt', text, details };
}

/** The datagrams that leave, and what is to be expected of them. */
export function underlaySteps(
  facts: UnderlayFacts,
  path: PathFacts | undefined,
  datagrams: readonly RehearsedDatagram[],
): ExplainedStep[] {
  return [encapsulateStep(facts, datagrams[0]!), leaveStep(facts, path, datagrams)];
}

/** Length of the IP packet around a UDP payload, by family of the underlay. */
export function outerPacketBytes(payloadBytes: number, family: 4 | 6): number {
  return payloadBytes + OVERHEAD_BYTES[family] - ENCAPSULATION_LENGTH;
}

function encapsulateStep({ underlayAddress, endpoint }: UnderlayFacts, { bytes }: RehearsedDatagram): ExplainedStep {
  const vni = readVni(bytes, 0);
  const mac = (offset: number): string =>
    formatMacAddress(bytes.subarray(VXLAN_HEADER_LENGTH + offset, VXLAN_HEADER_LENGTH + offset + 6));
  const [from, to] = [mac(ETHERNET_SOURCE_OFFSET), mac(ETHERNET_DESTINATION_OFFSET)];
  const text = `becomes a VXLAN datagram from ${underlayAddress} to ${endpoint}, VNI ${vni}, inner MAC ${from} to ${to}`;
  const details = { source: underlayAddress, endpoint, vni, sourceMac: from, destinationMac: to };
  return { hook: 'encapsulate', verdict: 'pass', text, details };
}

function leaveStep(
  { nextNode, underlayFamily }: UnderlayFacts,
  path: PathFacts | undefined,
  datagrams: readonly RehearsedDatagram[],
): ExplainedStep {
  const longest = Math.max(...datagrams.map(({ bytes }) => bytes.length));
  const outerBytes = outerPacketBytes(longest, underlayFamily);
  const cut = datagrams.find(({ outerFragmentBytes }) => outerFragmentBytes > 0)?.outerFragmentBytes ?? 0;
  const size = `leaves in ${datagrams.length === 1 ? 'one packet' : `${datagrams.length} packets`} of ${outerBytes} bytes`;
  const pieces = cut === 0 ? '' : `, cut into fragments of ${cut} bytes: IPv6 asks for that much`;
  const health = path === undefined ? { verdict: 'pass' as const, text: '' } : healthOf(path);
  const text = `${size}${pieces} for ${nextNode}${health.text}`;
  const details = { node: nextNode, datagrams: datagrams.length, outerBytes, udpBytes: longest + UDP_HEADER_LENGTH };
  return { hook: 'to-underlay', verdict: health.verdict, text, details: { ...details, ...healthDetails(path) } };
}

function healthOf(path: PathFacts): { readonly verdict: ExplainedStep['verdict']; readonly text: string } {
  const { isProbed, isDown, roundTripMs, lossRatio = 0, probes, node, state } = path;
  const worry = state === 'alive' || state === 'static' ? '' : `; gossip takes ${node} for ${state}`;
  if (!isProbed) return { verdict: worry === '' ? 'pass' : 'doubt', text: worry };
  if (isDown)
    return { verdict: 'doubt', text: `, but probes on this path do not come back: it is probably lost${worry}` };
  if (roundTripMs === undefined) return { verdict: 'doubt', text: `; no probe on this path came back yet${worry}` };
  const loss = lossRatio < NOTABLE_LOSS ? '' : `, and ${Math.round(lossRatio * 100)} % of the last ${probes} were lost`;
  const text = `; probes on this path come back after ${roundTripMs.toFixed(2)} ms${loss}${worry}`;
  return { verdict: loss === '' && worry === '' ? 'pass' : 'doubt', text };
}

function healthDetails(path: PathFacts | undefined): Record<string, string | number | boolean> {
  if (path === undefined) return {};
  const { state, isDown, roundTripMs, lossRatio } = path;
  return {
    state,
    pathDown: isDown,
    ...(roundTripMs === undefined ? {} : { roundTripMs: Math.round(roundTripMs * 1_000) / 1_000 }),
    ...(lossRatio === undefined ? {} : { lossRatio }),
  };
}
