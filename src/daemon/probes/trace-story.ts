/** From what the nodes saw of a trace to what became of each probe. Pure. */
import { dropReasons } from '../../dataplane/drop-reason.ts';
import { hooks } from '../../dataplane/hook.ts';
import type { KernelSighting, Sighting, TracedNode, TracedProbe, TraceFate, TraceStep } from '../../api/trace-api.ts';
import { rankOf, type TracePlace } from './trace-order.ts';

/** What is known of a trace beside its sightings. */
export interface TraceSetting {
  readonly sourceNode: string;
  readonly destinationNode: string;
  readonly nodes: readonly TracedNode[];
}

/** A sighting with its place and its time by the clock of the source's node, in ns. */
interface Placed extends Sighting {
  readonly node: string;
  readonly atNs: bigint;
  readonly uncertaintyNs: number;
}

/** What is known beside what the taps of weft saw. */
export interface TraceAside {
  /** What the kernel of each node said. */
  readonly kernel: ReadonlyMap<string, readonly KernelSighting[]>;
  /** Why the kernel of the source did not send the probe; empty: it did. */
  readonly refused: string;
}

interface Ending {
  readonly fate: TraceFate;
  readonly text: string;
}

const NS_PER_MS = 1_000_000;
const roleOrder = { probe: 0, answer: 1, error: 2 } as const;
const hookOrder = new Map(hooks.map(({ name }, index) => [name, index]));

/** What became of probe `number`. @param seen what each node saw of the whole trace. */
export function tellProbe(
  number: number,
  seen: ReadonlyMap<string, readonly Sighting[]>,
  setting: TraceSetting,
  { kernel, refused }: TraceAside = { kernel: new Map(), refused: '' },
): TracedProbe {
  const placed = [...seen]
    .flatMap(([node, sightings]) => place(node, sightings, setting))
    .filter((one) => one.number === number)
    .sort((a, b) => compare(a, b, setting));
  const startNs = placed[0]?.atNs ?? 0n;
  const ofKernel = [...kernel].flatMap(([node, those]) =>
    those.filter((one) => one.number === number).map((one) => kernelStep(node, one)),
  );
  const steps = [...placed.map((one) => stepOf(one, startNs)), ...ofKernel].sort((a, b) => byWay(a, b, setting));
  const roundTripMs = roundTrip(steps, setting.sourceNode);
  if (steps.length === 0 && refused !== '') {
    const text = `It was not sent: the kernel of the source, in the pod if it is one, refused that: ${refused}.`;
    return { number, fate: 'unseen', text, roundTripMs, steps };
  }
  if (steps.length === 0 && setting.sourceNode === setting.destinationNode) {
    const text = `Both ends are at ${setting.sourceNode}: its kernel passes packets between them, and does not say how. Weft has no part in that.`;
    return { number, fate: 'local', text, roundTripMs, steps };
  }
  return { number, ...endingOf(steps, setting), roundTripMs, steps };
}

/** The kernel does not say when it was: its hooks have a place by the way alone. What weft saw is in order already. */
function byWay(a: TraceStep, b: TraceStep, setting: TraceSetting): number {
  const byRole = roleOrder[a.role] - roleOrder[b.role];
  if (byRole !== 0) return byRole;
  const byNode = nodeOrder(a, setting) - nodeOrder(b, setting);
  if (byNode !== 0 || a.node !== b.node || (a.timeMs !== null && b.timeMs !== null)) return byNode;
  const place = placeOf(a, setting);
  return rankOf(a.hook, place) - rankOf(b.hook, place);
}

function placeOf(step: Pick<TraceStep, 'node' | 'role'>, setting: TraceSetting): TracePlace {
  if (setting.sourceNode === setting.destinationNode) return 'only';
  return (['first', 'between', 'last'] as const)[nodeOrder(step, setting)];
}

function kernelStep(node: string, { number: _number, ...rest }: KernelSighting): TraceStep {
  const unknown = { id: '', timeMs: null, uncertaintyMs: 0, lengthBytes: 0, peer: '', relay: '', from: '', to: '' };
  return { node, ...rest, ...unknown, reason: '' };
}

function place(node: string, sightings: readonly Sighting[], { nodes }: TraceSetting): Placed[] {
  const { clockOffsetNs = 0, clockUncertaintyNs = 0 } = nodes.find((one) => one.node === node) ?? {};
  return sightings.map((sighting) => ({
    ...sighting,
    node,
    atNs: BigInt(sighting.timeNs) - BigInt(Math.round(clockOffsetNs)),
    uncertaintyNs: clockUncertaintyNs,
  }));
}

/** By the way: clocks are not good enough to tell which of two nodes was first. */
function compare(a: Placed, b: Placed, setting: TraceSetting): number {
  const byRole = roleOrder[a.role] - roleOrder[b.role];
  if (byRole !== 0) return byRole;
  const byNode = nodeOrder(a, setting) - nodeOrder(b, setting);
  if (byNode !== 0) return byNode;
  if (a.atNs !== b.atNs) return a.atNs < b.atNs ? -1 : 1;
  return hookOrder.get(a.hook)! - hookOrder.get(b.hook)!;
}

/** Where a node is on the way of this packet: at its beginning, in between, or at its end. */
function nodeOrder(
  { node, role }: Pick<TraceStep, 'node' | 'role'>,
  { sourceNode, destinationNode }: TraceSetting,
): 0 | 1 | 2 {
  const [first, last] = role === 'probe' ? [sourceNode, destinationNode] : [destinationNode, sourceNode];
  return node === first ? 0 : node === last ? 2 : 1;
}

function stepOf(
  { number: _number, timeNs: _timeNs, atNs, uncertaintyNs, ...rest }: Placed,
  startNs: bigint,
): TraceStep {
  const timeMs = Number(atNs - startNs) / NS_PER_MS;
  return { ...rest, timeMs, uncertaintyMs: uncertaintyNs / NS_PER_MS, verdict: '' };
}

/** Between two hooks of one node: no other clock is asked. */
function roundTrip(steps: readonly TraceStep[], sourceNode: string): number | null {
  const here = steps.filter(({ node }) => node === sourceNode);
  const left = here.find(({ role, hook }) => role === 'probe' && hook === 'from-pod');
  const back = here.find(({ role, hook }) => role !== 'probe' && hook === 'to-pod');
  return left === undefined || back === undefined ? null : back.timeMs! - left.timeMs!;
}

function endingOf(steps: readonly TraceStep[], setting: TraceSetting): Ending {
  const { sourceNode, destinationNode } = setting;
  const answer = steps.findLast(({ role }) => role === 'answer');
  const drop = steps.find(({ reason }) => reason !== '');
  const error = steps.find(({ role }) => role === 'error');
  const taken = steps.find(({ verdict }) => verdict === 'drop' || verdict === 'reject');
  const isBack = (step: TraceStep): boolean => step.node === sourceNode && (step.hook === 'to-pod' || isIn(step));
  const isArrived = steps.some(
    (step) => step.role === 'probe' && step.node === destinationNode && (step.hook === 'to-pod' || isIn(step)),
  );
  if (taken !== undefined) return { fate: 'dropped', text: tellTaken(taken) };
  if (answer !== undefined && isBack(answer)) {
    const says = steps.findLast(({ role, verdict }) => role === 'answer' && verdict === '')?.says ?? '';
    return { fate: 'answered', text: `Answered${says === '' ? '' : `. ${says}`}.` };
  }
  if (drop !== undefined) return { fate: 'dropped', text: tellDrop(drop) };
  if (error !== undefined) {
    const arrived = isArrived ? 'It arrived, and was refused' : 'It did not arrive';
    return { fate: 'refused', text: `${arrived}: ${error.says}.` };
  }
  if (answer !== undefined) return { fate: 'lost', text: `The answer got lost. ${tellLast(answer, setting)}` };
  if (isArrived) {
    const lastThere = steps.findLast(({ role, node }) => role === 'probe' && node === destinationNode)!;
    if (lastThere.hook === 'prerouting') return { fate: 'lost', text: tellLast(lastThere, setting) };
    const who = isIn(lastThere)
      ? `The kernel of ${destinationNode} handed it over`
      : `${destinationNode} handed it to its kernel, for the pod`;
    const what = `${who}, and nothing came back within a second`;
    return {
      fate: 'delivered',
      text: `${what}: does anybody answer there, and does a firewall of the pod or node let it?`,
    };
  }
  const last = steps.findLast(({ role }) => role === 'probe');
  if (last !== undefined) return { fate: 'lost', text: tellLast(last, setting) };
  const text = `It was not seen in weft: the kernel of ${sourceNode} did not route it into the tunnel (see "ip route get").`;
  return { fate: 'unseen', text };
}

/** Hooks of the kernel behind which a packet is handed to the pod, or is at the node itself. */
function isIn({ hook }: TraceStep): boolean {
  return hook === 'postrouting' || hook === 'input';
}

function tellDrop({ node, reason, role }: TraceStep): string {
  const entry = dropReasons.find(({ name }) => name === reason);
  const what = role === 'probe' ? 'It' : role === 'answer' ? 'The answer' : 'The error about it';
  if (entry === undefined) return `${what} was dropped at ${node}: ${reason}.`;
  return `${what} was dropped at ${node}: ${reason}, ${entry.meaning}. See "weft explain drop ${reason}".`;
}

/** By a rule of the kernel's. */
function tellTaken({ node, hook, role, verdict, says }: TraceStep): string {
  const what = role === 'probe' ? 'It' : 'The answer';
  const how = verdict === 'reject' ? 'rejected' : 'dropped';
  return `${what} was ${how} at ${node} by a firewall, in hook ${hook}: ${says}.`;
}

/** Of a packet of which nothing more is known: where it was last. */
function tellLast({ node, hook, peer, relay, to, role }: TraceStep, setting: TraceSetting): string {
  const next = relay === '' ? peer : relay;
  if (hook === 'prerouting') {
    const why = 'no route, filtering of reverse paths, or forwarding that is off';
    return `The kernel of ${node} took it in, and neither kept it nor passed it on: ${why}. See "weft explain" and "weft doctor".`;
  }
  if (hook !== 'to-underlay' && hook !== 'relay') return `It was last seen at ${node}, hook ${hook}.`;
  const target = setting.nodes.find((one) => one.node === next);
  if (target === undefined) return `It left ${node} for ${next || to}, where nobody could listen.`;
  if (target.problem !== '') return `It left ${node} for ${next}, where nobody could listen: ${target.problem}.`;
  const doubt = role === 'probe' ? ` See "weft ping ${next}" on ${node}.` : '';
  return `It left ${node} for ${next} (${to}), and did not arrive there: it got lost on the underlay.${doubt}`;
}
