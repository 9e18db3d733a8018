/** What happens to a datagram on the node that receives it, in words. Pure: all facts are given. */
import { DropReason, nameOf } from '../dataplane/drop-reason.ts';
import { type AddressHolder, tellReceiver } from './address-holder.ts';
import type { ToldStage } from './departure.ts';
import { dropStep } from './drop-words.ts';
import type { ExplainedStep } from './explanation.ts';
import type { Rehearsed } from './rehearsal.ts';
import { type PathFacts, type UnderlayFacts, underlaySteps } from './underlay-words.ts';

/** What the node knows of the datagram. */
export interface ArrivalFacts {
  readonly node: string;
  /** Underlay address that it comes from. */
  readonly sender: string;
  /** Name of the peer that has this address; empty: none that is known. */
  readonly senderName: string;
  /** The node whose prefix has the source of the inner packet; empty: none. */
  readonly originName: string;
  /** Destination of the inner packet, and who has it here. */
  readonly destination: string;
  readonly holder: AddressHolder;
  readonly outcome: Rehearsed;
  /** Where it is passed on to, if it is. */
  readonly target: string;
  readonly path: PathFacts | undefined;
  readonly underlay: UnderlayFacts | undefined;
}

/** Reasons for which the sender, or what it wrote around the packet, is refused. */
const atDoor: readonly DropReason[] = [
  DropReason.vxlanTruncated,
  DropReason.vxlanNoVni,
  DropReason.vxlanWrongVni,
  DropReason.unknownSender,
];

/** The part of a node that receives, and delivers or passes on. */
export function tellArrival(facts: ArrivalFacts): ToldStage {
  const { node, outcome } = facts;
  if (outcome.verdict === 'drop') return dropped(facts, outcome.reason);
  const door = senderStep(facts);
  if (outcome.verdict === 'deliver') {
    const receiver = tellReceiver(facts.destination, node, facts.holder);
    const text = `the inner packet is found good: ${originWords(facts)}, the destination is ${node}'s`;
    const found: ExplainedStep = { hook: 'decapsulate', verdict: 'pass', text, details: { node } };
    return { node, steps: [door, found, receiver.step], fate: receiver.fate, reason: '' };
  }
  const text = `passed on to ${facts.target}, which ${facts.senderName} does not reach straight`;
  const relayed: ExplainedStep = { hook: 'relay', verdict: 'pass', text, details: { node: facts.target } };
  const left =
    facts.underlay === undefined ? [] : underlaySteps(facts.underlay, facts.path, outcome.datagrams).slice(1);
  return { node, steps: [door, relayed, ...left], fate: null, reason: '' };
}

function dropped(facts: ArrivalFacts, reason: DropReason): ToldStage {
  const name = nameOf(reason);
  const isAtDoor = atDoor.includes(reason);
  const hook = isAtDoor ? 'from-underlay' : name.startsWith('relay') ? 'relay' : 'decapsulate';
  const steps = [...(isAtDoor ? [] : [senderStep(facts)]), dropStep(hook, reason)];
  return { node: facts.node, steps, fate: 'dropped', reason: name };
}

/** Whose source it is: that of the peer which sent it, or of another for which it passed it on. */
function originWords({ senderName, originName }: ArrivalFacts): string {
  const isRelayed = originName !== '' && originName !== senderName;
  return isRelayed
    ? `${senderName} passed it on for ${originName}, which may send from its source`
    : `${senderName} may send from its source`;
}

function senderStep({ sender, senderName }: ArrivalFacts): ExplainedStep {
  const text = `${sender} is known: it is the underlay address of ${senderName}`;
  return { hook: 'from-underlay', verdict: 'pass', text, details: { sender, node: senderName } };
}
