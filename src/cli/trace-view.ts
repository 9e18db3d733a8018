/** A trace as text. Pure. */
import type { Trace, TracedNode, TracedProbe, TraceStep } from '../api/trace-api.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { bold, type Terminal, warning } from '../terminal/terminal.ts';

const columns = [
  { title: 'NODE', wraps: true },
  { title: 'HOOK' },
  { title: 'MS', align: 'right' },
  { title: 'STEP', align: 'right' },
  { title: 'WHAT', wraps: true },
] as const;

const titles = { probe: 'There', answer: 'Back', error: 'An error about it' } as const;

/** Who, by what clocks, and for each probe its way there, its answer's way back, and how it ended. */
export function formatTrace(trace: Trace, terminal: Terminal): string {
  const { packet, source, destination, nodes, probes } = trace;
  const kind = { icmp: 'ICMP echo request', icmpv6: 'ICMPv6 echo request', udp: 'UDP packet', tcp: 'TCP SYN' }[
    packet.protocol
  ];
  const port = packet.destinationPort === 0 ? '' : `, port ${packet.destinationPort}`;
  const head = `${endText(source.label, packet.source)} to ${endText(destination.label, packet.destination)}: ${kind ?? packet.protocol}, ${packet.sizeBytes} bytes${port}`;
  const remarks = [source.remark, destination.remark].filter((remark) => remark !== '').map((text) => `Note: ${text}`);
  const notes = [...remarks, ...nodes.flatMap(noteOf)].map((text) => warned(text, terminal));
  const parts = probes.map((probe) => formatProbe(probe, probes.length, terminal));
  return [lines(head, terminal), ...clockLine(nodes, terminal), ...notes, '\n', parts.join('\n')].join('');
}

function formatProbe(
  { number, fate, text, roundTripMs, steps }: TracedProbe,
  count: number,
  terminal: Terminal,
): string {
  const title = count === 1 ? '' : `${bold(`Packet ${number}`, terminal)}\n`;
  const groups = [...Map.groupBy(steps, ({ role }) => role)].map(
    ([role, those]) => `${bold(titles[role], terminal)}\n${formatTable(columns, rowsOf(those, steps), terminal)}\n`,
  );
  const ending = roundTripMs === null ? text : `${text} There and back: ${formatMs(roundTripMs)}.`;
  const isGood = fate === 'answered' || fate === 'local';
  return [title, ...groups, isGood ? lines(ending, terminal) : warned(ending, terminal)].join('');
}

function rowsOf(those: readonly TraceStep[], all: readonly TraceStep[]): string[][] {
  return those.map((step) => [
    step.node,
    step.hook,
    step.timeMs?.toFixed(3) ?? '',
    formatStep(step, all.slice(0, all.indexOf(step))),
    describe(step),
  ]);
}

/** Since the hook before, in ms: from one node to the next it is as good as their clocks are known. */
function formatStep(step: TraceStep, before: readonly TraceStep[]): string {
  const since = before.findLast(({ timeMs }) => timeMs !== null);
  if (since?.timeMs === undefined || since.timeMs === null || step.timeMs === null) return '';
  const ms = step.timeMs - since.timeMs;
  const sign = ms < 0 ? '' : '+';
  if (step.node === since.node) return `${sign}${ms.toFixed(3)}`;
  return `${sign}${ms.toFixed(3)} +/-${Math.max(step.uncertaintyMs, since.uncertaintyMs).toFixed(3)}`;
}

/** A few words for what the hook shows. */
function describe({ hook, peer, relay, from, to, reason, says, lengthBytes, verdict }: TraceStep): string {
  if (verdict !== '') return describeKernel(verdict, says);
  const name = peer === '' ? 'a node that is not known' : peer;
  const next = relay === '' ? name : `${name} through ${relay}`;
  const endpoints = from === '' ? '' : `, ${from} > ${to}`;
  switch (hook) {
    case 'from-pod':
      return `${lengthBytes} bytes, from the TUN device`;
    case 'route':
      return `allowed; the way to ${next}`;
    case 'encapsulate':
      return `VXLAN to ${next}${endpoints}`;
    case 'to-underlay':
      return 'sent: the kernel took it';
    case 'from-underlay':
      return `VXLAN from ${name}${endpoints}`;
    case 'decapsulate':
      return 'unpacked, and found good';
    case 'relay':
      return `passed on to ${next}${endpoints}`;
    case 'to-pod':
      return `written to the TUN device${says === '' ? '' : `; ${says}`}`;
    default:
      return `dropped: ${reason}`;
  }
}

/** What rules of the kernel did. */
function describeKernel(verdict: Exclude<TraceStep['verdict'], ''>, says: string): string {
  if (verdict === 'accept') return says === '' ? 'kernel: no rules of anybody' : `kernel: ${says}`;
  const words = { drop: 'dropped by', reject: 'rejected by', unknown: 'taken away by' }[verdict];
  return `kernel: ${words} ${says}`;
}

function clockLine(nodes: readonly TracedNode[], terminal: Terminal): string[] {
  const [first, ...others] = nodes.filter(({ problem }) => problem === '');
  if (first === undefined || others.length === 0) return [];
  const offsets = others.map(({ node, clockOffsetNs, clockUncertaintyNs }) => {
    const direction = clockOffsetNs < 0 ? 'behind' : 'ahead';
    return `${node} ${formatMs(Math.abs(clockOffsetNs) / 1e6)} ${direction}, +/-${formatMs(clockUncertaintyNs / 1e6)}`;
  });
  return [lines(`times by the clock of ${first.node}; corrected: ${offsets.join('; ')}`, terminal)];
}

function noteOf({ node, problem, kernelProblem, lost }: TracedNode): string[] {
  if (problem !== '') return [`Nobody could listen at ${node}: ${problem}`];
  return [
    ...(lost === 0 ? [] : [`${node} had no room for ${lost} records: something may be missing`]),
    ...(kernelProblem === '' ? [] : [`The kernel of ${node} does not say all that it does: ${kernelProblem}`]),
  ];
}

function endText(label: string, address: string): string {
  return label === address ? address : `${label} (${address})`;
}

/** Three digits behind the point: a hook takes microseconds. */
function formatMs(ms: number): string {
  return `${ms.toFixed(Math.abs(ms) < 100 ? 3 : 1)} ms`;
}

function lines(text: string, terminal: Terminal): string {
  return wrap(text, terminal.widthColumns ?? Infinity)
    .map((line) => `${line}\n`)
    .join('');
}

function warned(text: string, terminal: Terminal): string {
  return wrap(text, terminal.widthColumns ?? Infinity)
    .map((line) => `${warning(line, terminal)}\n`)
    .join('');
}
