/** What would become of a packet, as text. Pure. */
import type {
  ExplainedEnd,
  ExplainedNode,
  ExplainedStep,
  ExplainedWay,
  Explanation,
  Fate,
  PastNode,
  SeenPackets,
} from '../explain/explanation.ts';
import { printable } from '../terminal/printable.ts';
import { hanging } from '../terminal/table.ts';
import { bold, paint, warning, type Terminal, type Tone } from '../terminal/terminal.ts';

const VERDICTS: Readonly<Record<ExplainedStep['verdict'], string>> = {
  pass: 'ok',
  doubt: 'note',
  unknown: '?',
  stop: 'STOP',
};
const VERDICT_COLUMNS = 6;
const HOOK_COLUMNS = 'from-underlay'.length + 2;
const COUNT_COLUMNS = '1000 packets'.length;
/** In front of what is said about a drop reason. */
const LABELS = { cause: 'likely cause  ', remedy: 'what to do    ' } as const;

/** Whether a packet that ends like this is as good as there, as far as anybody knows. */
export function isGood(fate: Fate): boolean {
  return fate === 'delivered' || fate === 'sent' || fate === 'outside';
}

/** What becomes of it in one line, and then what happens on each node. */
export function formatExplanation(explanation: Explanation, terminal: Terminal): string {
  const { remarks, nodes, fate, way, back, cause, remedy, around } = explanation;
  const now = around === null ? '' : 'now ';
  const summary = `${now}${fate.toUpperCase()}${way === 'back' ? ' on the way back' : ''}: ${fateWords(explanation)}`;
  const lines = [
    ...hanging('', packetWords(explanation), terminal),
    // Who asks about a moment that has passed is told of that first.
    ...(around === null
      ? []
      : hanging('', `THEN: ${printable(around.conclusion)}`, terminal).map((line) => bold(line, terminal))),
    ...hanging('', summary, terminal).map((line) => bold(paint(line, toneOf(fate), terminal), terminal)),
    ...remarks.flatMap((remark) => hanging('note: ', remark, terminal).map((line) => warning(line, terminal))),
    ...formatNodes('on', nodes, terminal),
    ...(back === null ? [] : formatBack(explanation, back, terminal)),
    ...(cause === '' ? [] : ['', ...hanging(LABELS.cause, cause, terminal)]),
    ...(remedy === '' ? [] : hanging(LABELS.remedy, remedy, terminal)),
    ...(around === null
      ? []
      : ['', bold(`recorded from ${moment(around.from)} to ${moment(around.to)} UTC`, terminal)]),
    ...(around?.nodes.flatMap((node) => formatPast(node, around.from, terminal)) ?? []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What is known to arrive is good; what only leaves is neither good nor bad. */
function toneOf(fate: Fate): Tone | undefined {
  if (fate === 'delivered') return 'good';
  if (fate === 'unknown') return 'warning';
  return isGood(fate) ? undefined : 'bad';
}

function packetWords({ packet }: Explanation): string {
  const { source, destination, protocol, sourcePort, destinationPort, sizeBytes } = packet;
  const hasPorts = sourcePort + destinationPort > 0;
  const from = endWords(source, hasPorts ? sourcePort : undefined);
  const to = endWords(destination, hasPorts ? destinationPort : undefined);
  const backend = packet.backend === null ? '' : `, translated to ${endWords(packet.backend, packet.backend.port)}`;
  return `${protocol} packet of ${sizeBytes} bytes from ${from} to ${to}${backend}`;
}

function endWords({ address, node, pod }: ExplainedEnd, port: number | undefined): string {
  const place = node === '' ? '' : pod === '' ? ` (${node})` : ` (${node}/${pod})`;
  return `${address}${port === undefined ? '' : ` port ${port}`}${place}`;
}

function fateWords(explanation: Explanation): string {
  const { fate, way, reason, packet, back, decision } = explanation;
  const nodes = way === 'back' && back !== null ? back.nodes : explanation.nodes;
  const last = nodes.at(-1)?.node ?? '';
  const before = nodes.at(-2)?.node ?? last;
  const { node, pod } = packet.backend ?? packet.destination;
  const decided = decision?.text ?? '';
  const answered = back?.fate === 'delivered' ? ', and its answer comes back' : '';
  const receiver = pod === '' ? `${last} itself` : `pod ${pod} at ${last}`;
  const words: Readonly<Record<Fate, string>> = {
    delivered: `${node === '' ? placeOf(nodes.at(-1)) : receiver} gets it${answered}`,
    sent: `it leaves ${before}; what becomes of it then is not known here`,
    // Of policies, the rule is what somebody looks for.
    dropped: reason === 'policy-denied' ? decided : `${last} drops it as ${reason}`,
    lost: `it leaves ${before}, and gets lost on the underlay, on its way to ${last}`,
    unreachable: `it gets to ${last}, but nobody there has the address`,
    blocked: decided,
    diverted: decided,
    outside: 'it is not for the overlay',
    unknown: decided,
  };
  return words[fate];
}

function formatNodes(title: string, nodes: readonly ExplainedNode[], terminal: Terminal): string[] {
  return nodes.flatMap(({ node, steps }) => ['', bold(`${title} ${node}`, terminal), ...formatSteps(steps, terminal)]);
}

/** Who takes what is for nobody in the overlay: a node, or a pod. */
function placeOf(node: ExplainedNode | undefined): string {
  const place = node?.steps.at(-1)?.details['place'];
  return `${typeof place === 'string' ? place : node?.node} itself`;
}

/** The way of the answer, where it is another one than the packet's, or ends otherwise. */
function formatBack({ there, nodes }: Explanation, back: ExplainedWay, terminal: Terminal): string[] {
  const names = back.nodes.map(({ node }) => node);
  const isSameWay = names.toReversed().join() === nodes.map(({ node }) => node).join();
  const isAlike = back.fate === there.fate && back.decision?.text === there.decision?.text;
  if (isSameWay && isAlike) return [];
  const way = names.join(' to ');
  if (!isGood(there.fate) && isGood(back.fate)) return ['', ...hanging('', `the way back is open: ${way}`, terminal)];
  if (!isGood(there.fate)) {
    const why = back.decision === null ? '' : `: ${back.decision.text}`;
    return ['', ...hanging('', `the way back (${way}) would be ${back.fate}${why}`, terminal)];
  }
  return formatNodes('on the way back, on', back.nodes, terminal);
}

function formatSteps(steps: readonly ExplainedStep[], terminal: Terminal): string[] {
  return steps.flatMap(({ hook, verdict, text }, index) => {
    const shownHook = steps[index - 1]?.hook === hook ? '' : hook;
    const head = `  ${VERDICTS[verdict].padEnd(VERDICT_COLUMNS)}${shownHook.padEnd(HOOK_COLUMNS)}`;
    const lines = hanging(head, text, terminal);
    const tone = { pass: undefined, doubt: 'warning', unknown: 'warning', stop: 'bad' } as const;
    return lines.map((line) => paint(line, tone[verdict], terminal));
  });
}

function formatPast(past: PastNode, from: string, terminal: Terminal): string[] {
  const { node, error, packetsSince, dropsSince, seen, events } = past;
  const title = ['', bold(`on ${node}`, terminal)];
  if (error !== '') return [...title, ...hanging('  ', error, terminal)];
  const since =
    packetsSince === ''
      ? 'no flight recorder runs here: what became of single packets is not known'
      : `the flight recorder has packets since ${clock(packetsSince)}, and drops since ${clock(dropsSince)}`;
  const whatColumns = Math.max(...seen.map((one) => seenWords(one).length));
  const counted = seen.flatMap((one) => {
    const count = `${one.packets} ${one.packets === 1 ? 'packet' : 'packets'}`.padEnd(COUNT_COLUMNS);
    const times = `${clock(one.first)} to ${clock(one.last)}`;
    const line = `  ${one.way.padEnd('there'.length)}  ${seenWords(one).padEnd(whatColumns)}  ${count}  ${times}`;
    const why = `${one.direction}, ${printable(one.rule)}`;
    return [line, ...(one.rule === '' ? [] : hanging(' '.repeat('  there  '.length), why, terminal))];
  });
  const isPartly = packetsSince > from;
  const none = `no packet between the two was recorded${isPartly ? ', but the recorder does not go back so far' : ''}`;
  const nothing = packetsSince !== '' && seen.length === 0 ? hanging('  ', none, terminal) : [];
  const changes = events.flatMap(({ time, message }) => hanging(`  ${clock(time)}  `, message, terminal));
  return [
    ...title,
    ...hanging('  ', since, terminal),
    ...nothing,
    ...counted,
    ...(changes.length === 0 ? [`  ${isPartly ? 'no change is known' : 'nothing changed'} that matters to them`] : []),
    ...(changes.length === 0 ? [] : ['  what changed:', ...changes]),
  ];
}

/** Where packets were seen, why that was the end of them, and who was at the other end of the tunnel. */
function seenWords({ hook, reason, peer }: SeenPackets): string {
  return [hook, reason, peer === '' ? '' : `(${peer})`].filter((word) => word !== '').join(' ');
}

/** With the day. */
function moment(time: string): string {
  return time.slice(0, -1).replace('T', ' ');
}

/** Time of the day, to the millisecond. */
function clock(time: string): string {
  return time.slice('2026-01-01T'.length, -1);
}
