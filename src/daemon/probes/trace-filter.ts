/** The filter by which taps know the packets of a trace: its probes, their answers, and errors about them. Pure. */
import {
  BpfAlu,
  BpfClass,
  type BpfInstruction,
  BpfJump,
  BpfMode,
  type BpfProgram,
  BpfSize,
} from '../../capture/bpf-program.ts';
import { isEcho } from '../../explain/packet-description.ts';
import { ICMP_HEADER_LENGTH } from '../../wire/icmp.ts';
import { IPV4_MIN_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.ts';
import { readU32 } from '../../wire/octets.ts';
import { echoProtocol, NUMBER_BITS, type TracedPacket } from './trace-probe.ts';

/** Some bits at an offset have a value. */
interface Condition {
  readonly at: number;
  readonly size: keyof typeof BpfSize;
  readonly mask?: number;
  readonly value: number;
}

/** Where fields lie in a header without options, as our probes and what the kernel answers have it. */
const layouts = {
  4: { length: IPV4_MIN_HEADER_LENGTH, protocol: 9, source: 12, destination: 16 },
  6: { length: IPV6_HEADER_LENGTH, protocol: 6, source: 8, destination: 24 },
} as const;

/** All of a packet is wanted. */
const WHOLE = 0xff_ff;

/** Selects all that `recognize` knows, and next to nothing else. */
export function traceFilter(traced: TracedPacket): BpfProgram {
  const { source, destination, protocol } = traced;
  const { family } = source;
  const { length } = layouts[family];
  const there = [...header(family, 0, protocol, source.bytes, destination.bytes), marked(traced, length, false)];
  const back = [...header(family, 0, protocol, destination.bytes, source.bytes), marked(traced, length, true)];
  const quotedAt = length + ICMP_HEADER_LENGTH;
  const error = [
    ...header(family, 0, echoProtocol(family), undefined, source.bytes),
    ...header(family, quotedAt, protocol, source.bytes, destination.bytes),
    marked(traced, quotedAt + length, false),
  ];
  // A load beyond the packet ends the program with no: what lies deepest comes last.
  return [...[there, back, error].flatMap(alternative), [BpfClass.ret, 0, 0, 0]];
}

function header(
  family: 4 | 6,
  at: number,
  protocol: number,
  source: Uint8Array | undefined,
  destination: Uint8Array,
): Condition[] {
  const layout = layouts[family];
  const version: Condition =
    family === 4 ? { at, size: 'byte', value: 0x45 } : { at, size: 'byte', mask: 0xf0, value: 0x60 };
  return [
    version,
    { at: at + layout.protocol, size: 'byte', value: protocol },
    ...(source === undefined ? [] : address(at + layout.source, source)),
    ...address(at + layout.destination, destination),
  ];
}

function address(at: number, octets: Uint8Array): Condition[] {
  const words = Array.from({ length: octets.length / 4 }, (_, word) => word * 4);
  return words.map((offset) => ({ at: at + offset, size: 'word', value: readU32(octets, offset) }));
}

function marked({ mark, protocol, source }: TracedPacket, at: number, isBack: boolean): Condition {
  if (isEcho(source.family, protocol)) return { at: at + 4, size: 'half', value: mark };
  const mask = 0xff_ff & -(1 << NUMBER_BITS);
  return { at: at + (isBack ? 2 : 0), size: 'half', mask, value: mark };
}

/** Instructions that return yes if all of the conditions hold, and otherwise go on behind themselves. */
function alternative(conditions: readonly Condition[]): BpfInstruction[] {
  const lengths = conditions.map(({ mask }) => (mask === undefined ? 2 : 3));
  let rest = lengths.reduce((sum, length) => sum + length, 1);
  const tests = conditions.flatMap(({ at, size, mask, value }, index): BpfInstruction[] => {
    rest -= lengths[index]!;
    return [
      [BpfClass.ld | BpfSize[size] | BpfMode.absolute, 0, 0, at],
      ...(mask === undefined ? [] : [[BpfClass.alu | BpfAlu.and, 0, 0, mask] as const]),
      [BpfClass.jmp | BpfJump.equal, 0, rest, value],
    ];
  });
  return [...tests, [BpfClass.ret, 0, 0, WHOLE]];
}
