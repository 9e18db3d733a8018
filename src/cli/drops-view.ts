/** Drops for people. Pure. */
import type { DroppedPacket, DroppedShare, DropReport } from '../api/drop-api.ts';
import { type Cell, fits, formatTable, toned, wrap } from '../terminal/table.ts';
import { bold, type Terminal } from '../terminal/terminal.ts';

/** What drops are counted by. */
export type DropGrouping = 'reason' | 'peer' | 'pod';

const reasonColumns = [
  { title: 'REASON' },
  { title: 'DIRECTION' },
  { title: 'PACKETS', align: 'right' },
  { title: 'LAST (UTC)' },
  { title: 'MEANING', wraps: true },
] as const;

const peerColumns = [
  { title: 'PEER', wraps: true },
  { title: 'TO IT', align: 'right' },
  { title: 'DROPPED', align: 'right' },
  { title: 'FROM IT', align: 'right' },
  { title: 'DROPPED', align: 'right' },
] as const;

const podColumns = [
  { title: 'POD', wraps: true },
  { title: 'ADDRESS', wraps: true },
  { title: 'FROM IT', align: 'right' },
  { title: 'TO IT', align: 'right' },
  { title: 'REASONS', wraps: true },
] as const;

/** A line for each packet, where there is room, and in a pipe. */
const packetColumns = [
  { title: 'TIME (UTC)' },
  { title: 'REASON' },
  { title: 'PACKET' },
  { title: 'PEER' },
  { title: 'POD' },
] as const;

/** Several lines for each, where there is less. */
const narrowPacketColumns = [
  { title: 'TIME (UTC)' },
  { title: 'REASON', wraps: true },
  { title: 'PACKET', wraps: true },
  { title: 'PEER, POD', wraps: true },
] as const;

const kernelColumns = [
  { title: 'KERNEL' },
  { title: 'POD', wraps: true },
  { title: 'PACKETS', align: 'right' },
  { title: 'SENT FROM', wraps: true },
] as const;

const policyColumns = [
  { title: 'POLICY', wraps: true },
  { title: 'DIRECTION' },
  { title: 'PACKETS', align: 'right' },
] as const;

/** Rules in the table, those that denied most. */
const MAX_RULES = 20;

const POLICY_NOTE =
  'denied by the kernel for network policies since the daemon started, and in no other count; some of many are recorded';

const KERNEL_NOTE = 'dropped by the kernel since the pod was added, before weft was given it, and in no other count';

/** A table by what was asked for, and below it recorded drops, the newest last. */
export function formatDrops(report: DropReport, by: DropGrouping, terminal: Terminal): string {
  const kernel = `${kernelText(report, terminal)}${policyText(report, terminal)}`;
  const recent = report.recent.length === 0 ? '' : `\n${formatPackets(report.recent, terminal)}`;
  if (report.packets === 0)
    return `nothing was dropped${kernel === '' ? '' : ' by weft'} since ${moment(report.since)} UTC\n${recent}${kernel}`;
  const recorded = report.recordedSince === '' ? 'no flight recorder runs here' : recordedText(report);
  const footer = `${report.packets} dropped since ${moment(report.since)} UTC; ${recorded}; weft explain drop REASON says what to do`;
  return `${tableBy(report, by, terminal)}${recent}\n${paragraph(footer, terminal)}${kernel}`;
}

/** Those of one pod alone, as far as they are recorded. @param pod `n2/web` */
export function formatDropsOf(report: DropReport, pod: string, terminal: Terminal): string {
  if (report.recordedSince === '') return `no flight recorder runs here: drops of ${pod} are not known\n`;
  const recorded = recordedText(report);
  const kernel = kernelText(
    { ...report, kernel: report.kernel.filter((one) => pod.endsWith(`/${one.pod}`)) },
    terminal,
  );
  if (report.pods.length === 0) return `${paragraph(`no drops of ${pod} are ${recorded}`, terminal)}${kernel}`;
  const recent = report.recent.length === 0 ? '' : `\n${formatPackets(report.recent, terminal)}`;
  const footer = `drops of ${pod} ${recorded}; weft explain drop REASON says what to do`;
  return `${tableBy(report, 'pod', terminal)}${recent}\n${paragraph(footer, terminal)}${kernel}`;
}

/** Drops as they happen: a line for each record, and one for what was counted and is not among them. */
export class DropLines {
  readonly #terminal: Terminal;
  readonly #by: DropGrouping;

  /** @param by what each line begins with, behind its time. */
  constructor(terminal: Terminal, by: DropGrouping) {
    this.#terminal = terminal;
    this.#by = by;
  }

  title(): string {
    return `${bold('TIME (UTC)    DROP', this.#terminal)}\n`;
  }

  /** @param before the report before this one, which ends where this one begins. */
  lines({ recent, omitted, reasons, time }: DropReport, before: DropReport | undefined): string {
    const lines = recent.map((packet) => {
      const { reason, direction, rule } = packet;
      const texts = {
        reason: `${direction} ${reason}${rule === '' ? '' : ` (${rule})`}`,
        peer: packet.peer === '' ? 'no peer' : `peer ${packet.peer}`,
        pod: packet.pod === '' ? 'no pod' : `pod ${packet.pod}`,
      };
      const by = this.#by;
      const { [by]: first, ...rest } = texts;
      return `${moment(packet.time)}  ${[first, packetText(packet), ...Object.values(rest)].join('; ')}\n`;
    });
    // Where drops come faster than they can be told one by one, or are not recorded at all.
    if (before !== undefined && (omitted > 0 || before.recordedSince === '')) {
      const known = new Map(before.reasons.map(({ reason, packets }) => [reason, packets]));
      const grown = reasons.map(({ reason, packets }) => ({ reason, more: packets - (known.get(reason) ?? 0) }));
      const texts = grown.filter(({ more }) => more > 0).map(({ reason, more }) => `${reason} ${more}`);
      if (texts.length > 0) lines.push(`${moment(time)}  all together: ${texts.join(', ')}\n`);
    }
    return lines.join('');
  }
}

/** What the kernel dropped, below everything that weft itself did. */
function kernelText({ kernel }: DropReport, terminal: Terminal): string {
  if (kernel.length === 0) return '';
  const rows = kernel.map(({ reason, pod, packets, sources }): readonly Cell[] => [reason, pod, packets, sources]);
  return `\n${formatTable(kernelColumns, rows, terminal)}${paragraph(KERNEL_NOTE, terminal)}`;
}

/** What policies denied, below that. */
function policyText({ policies }: DropReport, terminal: Terminal): string {
  if (policies.length === 0) return '';
  const shown = policies.slice(0, MAX_RULES);
  const rows = shown.map(({ rule, direction, packets }): readonly Cell[] => [rule, direction, packets]);
  const more =
    policies.length > shown.length ? `; ${policies.length - shown.length} more rules: weft drops --by policy` : '';
  return `\n${formatTable(policyColumns, rows, terminal)}${paragraph(`${POLICY_NOTE}${more}`, terminal)}`;
}

function tableBy({ reasons, peers, pods }: DropReport, by: DropGrouping, terminal: Terminal): string {
  if (by === 'reason') {
    const rows = reasons.map(({ reason, direction, packets, last, meaning }) => [
      reason,
      direction,
      packets,
      last === '' ? '' : moment(last),
      meaning,
    ]);
    return formatTable(reasonColumns, rows, terminal);
  }
  if (by === 'peer') {
    const rows = peers.map(({ peer, egress, ingress }) => [
      peer === '' ? '(no peer)' : peer,
      ...shareCells(egress),
      ...shareCells(ingress),
    ]);
    return formatTable(peerColumns, rows, terminal);
  }
  if (pods.length === 0) return 'none of them is recorded\n';
  const rows = pods.map(({ pod, address, egress, ingress, reasons: byReason }): readonly Cell[] => [
    pod === '' ? '(no pod)' : pod,
    address,
    egress,
    ingress,
    Object.entries(byReason).map(([reason, packets]) => `${reason} ${packets}`),
  ]);
  return formatTable(podColumns, rows, terminal);
}

function shareCells({ packets, dropped }: DroppedShare): readonly [number, string] {
  if (dropped === 0) return [packets, '0'];
  const percent = (100 * dropped) / packets;
  return [packets, `${dropped} (${percent.toFixed(percent < 10 ? 1 : 0)} %)`];
}

function formatPackets(packets: readonly DroppedPacket[], terminal: Terminal): string {
  const wide = packets.map((packet): readonly Cell[] => [
    moment(packet.time),
    toned([packet.reason, packet.rule], 'bad'),
    packetText(packet),
    packet.peer,
    packet.pod,
  ]);
  if (fits(packetColumns, wide, terminal)) return formatTable(packetColumns, wide, terminal);
  const narrow = packets.map((packet): readonly Cell[] => [
    moment(packet.time),
    toned([packet.reason, packet.rule], 'bad'),
    packetParts(packet),
    [packet.peer, packet.pod],
  ]);
  return formatTable(narrowPacketColumns, narrow, terminal);
}

function packetText(packet: DroppedPacket): string {
  const [first, ...rest] = packetParts(packet);
  // `udp SOURCE`, `> DESTINATION`, `61 bytes`; of what is no IP packet the length alone.
  return rest.length === 2 ? `${first} ${rest.join(', ')}` : [first, ...rest].join(', ');
}

/** What may stand below each other. */
function packetParts(packet: DroppedPacket): string[] {
  const { source, destination, protocol, sourcePort, destinationPort, lengthBytes, packets } = packet;
  const { direction, remotePod } = packet;
  const [from, to] = direction === 'egress' ? ['', remotePod] : [remotePod, ''];
  const size = packets === 1 ? `${lengthBytes} bytes` : `${lengthBytes} bytes, ${packets} packets`;
  if (protocol === '') return ['no IP packet', size];
  return [`${protocol} ${endText(source, sourcePort, from)}`, `> ${endText(destination, destinationPort, to)}`, size];
}

function endText(address: string, port: number, pod: string): string {
  const end = port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return pod === '' ? end : `${end} (${pod})`;
}

function recordedText({ recordedSince, omitted, recent }: DropReport): string {
  const more = omitted === 0 ? '' : `, ${omitted + recent.length} of them`;
  return `recorded since ${moment(recordedSince)} UTC${more}`;
}

function paragraph(text: string, terminal: Terminal): string {
  return wrap(text, terminal.widthColumns ?? Infinity)
    .map((line) => `${line}\n`)
    .join('');
}

/** Time of the day, to the millisecond. */
function moment(isoTime: string): string {
  return isoTime.slice(11, 23);
}
