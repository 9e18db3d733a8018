/** What happens to a packet on the node where it comes from, in words. Pure: all facts are given. */
import { DropReason, nameOf } from '../dataplane/drop-reason.ts';
import { type AddressHolder, tellReceiver, tellSender } from './address-holder.ts';
import { dropStep } from './drop-words.ts';
import type { ExplainedStep, Stage } from './explanation.ts';
import type { Rehearsed } from './rehearsal.ts';
import { type PathFacts, type UnderlayFacts, pathStep, underlaySteps } from './underlay-words.ts';

/** A route, as the node has it. */
export interface RouteFacts {
  readonly prefix: string;
  readonly node: string;
  readonly kind: 'local' | 'gossip' | 'static';
  readonly origin: string;
  readonly version: number;
  /** ISO 8601. */
  readonly since: string;
}

/** What the node knows of the packet and of where it goes. */
export interface DepartureFacts {
  readonly node: string;
  readonly source: string;
  readonly destination: string;
  readonly sizeBytes: number;
  readonly sourceHolder: AddressHolder;
  readonly destinationHolder: AddressHolder;
  readonly clusterPrefixes: readonly string[];
  /** Whether one of them contains the destination. */
  readonly isInCluster: boolean;
  readonly route: RouteFacts | undefined;
  /** What last happened to a route to the destination, if there is none now. */
  readonly lastNews: string | undefined;
  readonly outcome: Rehearsed;
  /** The path that it takes, as far as there is a route. */
  readonly path: PathFacts | undefined;
  /** Where it leaves to, if it does. */
  readonly underlay: UnderlayFacts | undefined;
}

/** One node's part, but for what reaches the next one. */
export type ToldStage = Omit<Stage, 'next'>;

/** Reasons for which no route is looked up. */
const beforeRoute: readonly DropReason[] = [
  DropReason.packetNotIp,
  DropReason.packetTruncated,
  DropReason.packetBadLength,
  DropReason.packetBadExtensions,
  DropReason.offloadMalformed,
  DropReason.offloadUnsupported,
  DropReason.destinationNotUnicast,
  DropReason.nodeLinkControl,
  DropReason.sourceNotLocal,
];
/** Reasons that come of a route and its path. */
const afterRoute: readonly DropReason[] = [
  DropReason.packetTooBig,
  DropReason.tooManySegments,
  DropReason.overlayBelowIpv6Minimum,
];

/** The part of the node where the packet comes from. */
export function tellDeparture(facts: DepartureFacts): ToldStage {
  const { node, outcome, underlay, path } = facts;
  const sender = tellSender(facts.source, node, facts.sourceHolder);
  if (!facts.isInCluster) return { node, steps: [sender, outsideStep(facts)], fate: 'outside', reason: '' };
  if (facts.route?.kind === 'local') return stays(facts, sender);
  if (outcome.verdict === 'drop') return dropped(facts, sender, outcome.reason, outcome.isAnswered);
  const datagrams = outcome.verdict === 'deliver' ? [] : outcome.datagrams;
  const left = underlay === undefined ? [] : underlaySteps(underlay, path, datagrams);
  return { node, steps: [sender, ...routeSteps(facts), ...left], fate: null, reason: '' };
}

/** A packet from one pod of the node to another: the kernel forwards it from device to device. */
function stays(facts: DepartureFacts, sender: ExplainedStep): ToldStage {
  const { node, destination } = facts;
  const { prefix } = facts.route!;
  const receiver = tellReceiver(destination, node, facts.destinationHolder);
  const text = `${prefix} lies at ${node} itself: the kernel forwards the packet, and weft does not see it`;
  const route: ExplainedStep = { hook: 'route', verdict: 'pass', text, details: { prefix, node } };
  return { node, steps: [sender, route, receiver.step], fate: receiver.fate, reason: '' };
}

function dropped(facts: DepartureFacts, sender: ExplainedStep, reason: DropReason, isAnswered: boolean): ToldStage {
  const { node, lastNews, sizeBytes } = facts;
  const steps = [sender];
  if (beforeRoute.includes(reason)) steps.push(dropStep('from-pod', reason));
  else if (afterRoute.includes(reason)) {
    // That the sender is told is ordinary, and part of what the reason means.
    const untold = isAnswered || reason !== DropReason.packetTooBig ? '' : ', but of this one it would not hear';
    steps.push(...routeSteps(facts), dropStep('route', reason, `; this one has ${sizeBytes} bytes${untold}`));
  } else {
    steps.push(dropStep('route', reason, lastNews === undefined ? '' : `; the last that is known: ${lastNews}`));
  }
  return { node, steps, fate: 'dropped', reason: nameOf(reason) };
}

function outsideStep({ destination, node, clusterPrefixes }: DepartureFacts): ExplainedStep {
  const where = `${destination} is outside of the overlay (${clusterPrefixes.join(', ')})`;
  const text = `${where}: the kernel of ${node} routes it like any other traffic, and weft does not see it`;
  return { hook: 'route', verdict: 'pass', text, details: { node } };
}

function routeSteps({ route, path, sizeBytes }: DepartureFacts): ExplainedStep[] {
  if (route === undefined) return [];
  const { prefix, node, kind, origin, version, since } = route;
  const how = kind === 'static' ? 'by configuration' : `${node} announced it (version ${version})`;
  const text = `${prefix} lies at ${node}: ${how}; in use here since ${since.slice(0, 19).replace('T', ' ')} UTC`;
  const details = { prefix, node, kind, origin, version, since };
  const found: ExplainedStep = { hook: 'route', verdict: 'pass', text, details };
  return path === undefined ? [found] : [found, pathStep(path, sizeBytes)];
}
