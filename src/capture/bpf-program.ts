/**
 * Programs of the BSD packet filter, as libpcap makes them (McCanne and Jacobson, "The BSD Packet Filter", 1993; bpf(4)).
 *
 * A program decides about one packet. It has an accumulator A, an index register X and 16 words of scratch memory, reads the
 * packet, jumps forwards only, and returns how many bytes of the packet are wanted: 0 for none, which is a no.
 */
import { WeftError } from '../errors.ts';

/** One instruction: what to do; where to go on, as instructions to skip, if a comparison holds and if not; a number. */
export type BpfInstruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

/** Instructions, at least one. JSON-safe: this is how filters travel between processes and nodes. */
export type BpfProgram = readonly BpfInstruction[];

/** Longest program, in instructions: what the kernel takes too (BPF_MAXINSNS). */
export const MAX_BPF_INSTRUCTIONS = 4096;

/** Words of scratch memory. */
export const BPF_MEMORY_WORDS = 16;

/** Low three bits of a code: what kind of instruction it is. */
export const BpfClass = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const;

/** Sizes of a load, to be added to {@link BpfClass}. */
export const BpfSize = { word: 0x00, half: 0x08, byte: 0x10 } as const;

/** Where a load looks. `ipHeader`: four times the low four bits of a byte, the length of an IPv4 header. */
export const BpfMode = {
  immediate: 0x00,
  absolute: 0x20,
  indirect: 0x40,
  memory: 0x60,
  length: 0x80,
  ipHeader: 0xa0,
} as const;

/** Operations of {@link BpfClass}.alu. */
export const BpfAlu = {
  add: 0x00,
  subtract: 0x10,
  multiply: 0x20,
  divide: 0x30,
  or: 0x40,
  and: 0x50,
  shiftLeft: 0x60,
  shiftRight: 0x70,
  negate: 0x80,
  modulo: 0x90,
  xor: 0xa0,
} as const;

/** Comparisons of {@link BpfClass}.jmp. `always` skips `k` instructions. */
export const BpfJump = { always: 0x00, equal: 0x10, greater: 0x20, greaterOrEqual: 0x30, anyBit: 0x40 } as const;

/** The other operand of {@link BpfAlu} and {@link BpfJump} is X, rather than `k`. */
export const BPF_OPERAND_X = 0x08;

/** Of {@link BpfClass}.ret: what is returned is A, rather than `k`. */
export const BPF_RETURN_A = 0x10;

/** Of {@link BpfClass}.misc: A becomes X, rather than X becoming A. */
export const BPF_X_TO_A = 0x80;

const loads = [BpfMode.absolute, BpfMode.indirect].flatMap((mode) =>
  [BpfSize.word, BpfSize.half, BpfSize.byte].map((size) => BpfClass.ld | mode | size),
);
const memoryAccesses: readonly number[] = [
  BpfClass.ld | BpfMode.memory,
  BpfClass.ldx | BpfMode.memory,
  BpfClass.st,
  BpfClass.stx,
];
const divisions: readonly number[] = [BpfClass.alu | BpfAlu.divide, BpfClass.alu | BpfAlu.modulo];

const knownCodes: ReadonlySet<number> = new Set([
  ...loads,
  ...memoryAccesses,
  ...[BpfClass.ld, BpfClass.ldx].flatMap((register) => [register | BpfMode.immediate, register | BpfMode.length]),
  BpfClass.ldx | BpfMode.ipHeader | BpfSize.byte,
  ...Object.values(BpfAlu).flatMap((operation) =>
    operation === BpfAlu.negate
      ? [BpfClass.alu | operation]
      : [BpfClass.alu | operation, BpfClass.alu | operation | BPF_OPERAND_X],
  ),
  ...Object.values(BpfJump).flatMap((comparison) =>
    comparison === BpfJump.always
      ? [BpfClass.jmp]
      : [BpfClass.jmp | comparison, BpfClass.jmp | comparison | BPF_OPERAND_X],
  ),
  BpfClass.ret,
  BpfClass.ret | BPF_RETURN_A,
  BpfClass.misc,
  BpfClass.misc | BPF_X_TO_A,
]);

/**
 * The program that `value`, which came from outside, stands for. It ends, whatever the packet: every jump goes forwards and
 * stays inside, and the last instruction returns.
 *
 * @throws WeftError `filter-invalid`, saying what is wrong with which instruction.
 */
export function parseBpfProgram(value: unknown): BpfProgram {
  if (!Array.isArray(value) || value.length === 0) throw invalid('a filter program is a list of instructions');
  if (value.length > MAX_BPF_INSTRUCTIONS) {
    throw invalid(`a filter program has at most ${MAX_BPF_INSTRUCTIONS} instructions, not ${value.length}`);
  }
  const program = value.map((instruction: unknown, index) => {
    if (!isInstruction(instruction)) throw invalid(`instruction ${index} is not [code, jt, jf, k]`);
    const problem = problemOf(instruction, index, value.length);
    if (problem !== undefined) throw invalid(`instruction ${index} ${problem}`);
    return instruction;
  });
  if ((program.at(-1)![0] & 7) !== BpfClass.ret) throw invalid('the last instruction does not return');
  return program;
}

function isInstruction(value: unknown): value is BpfInstruction {
  if (!Array.isArray(value) || value.length !== 4) return false;
  return [0xffff, 0xff, 0xff, 0xffff_ffff].every((limit, index) => {
    const number: unknown = value[index];
    return Number.isInteger(number) && (number as number) >= 0 && (number as number) <= limit;
  });
}

/** What is wrong with the instruction at `index` of `count`. */
function problemOf([code, ifTrue, ifFalse, k]: BpfInstruction, index: number, count: number): string | undefined {
  if (!knownCodes.has(code)) return `has the unknown code 0x${code.toString(16)}`;
  if ((code & 7) === BpfClass.jmp) {
    const furthest = index + 1 + (code === BpfClass.jmp ? k : Math.max(ifTrue, ifFalse));
    if (furthest >= count) return 'jumps out of the program';
  }
  if (memoryAccesses.includes(code) && k >= BPF_MEMORY_WORDS) return `uses memory word ${k}`;
  return divisions.includes(code) && k === 0 ? 'divides by zero' : undefined;
}

function invalid(message: string): WeftError {
  return new WeftError('filter-invalid', message);
}
