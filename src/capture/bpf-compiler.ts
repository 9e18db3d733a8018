/**
 * Turns a BPF program into a JavaScript function, once, which V8 then compiles to machine code.
 *
 * Chosen: source text in which registers are local variables and jumps leave labelled blocks. Jumps go forwards only, so a
 * block that ends at the target can always be left from where the jump is. Instead of: an interpreter, which takes about 12 ns
 * per instruction. Nothing but numbers of a checked program gets into the text.
 *
 * Words are kept as signed 32-bit integers, which is what bit operations give, and made unsigned where it matters: for
 * comparing, dividing and indexing.
 */
import {
  BPF_MEMORY_WORDS,
  BPF_OPERAND_X,
  BPF_RETURN_A,
  BPF_X_TO_A,
  BpfAlu,
  BpfClass,
  BpfJump,
  BpfMode,
  BpfSize,
  parseBpfProgram,
  type BpfInstruction,
  type BpfProgram,
} from './bpf-program.ts';
import { differsBetweenSegments } from './segment-difference.ts';

/**
 * Whether the IP packet of `lengthBytes` bytes at `at` is wanted: 0 for no. Does not allocate.
 *
 * @param availableBytes how much of it is there, if not all: to read beyond that is a no, as it is beyond the end.
 */
export type CompiledFilter = (bytes: Uint8Array, at: number, lengthBytes: number, availableBytes?: number) => number;

export interface FilterOptions {
  /**
   * The packets are super-packets, and the question is whether any of their segments might be wanted: as soon as the program
   * looks at something that differs between segments, the answer is yes. Then the segments have to be asked.
   */
  readonly segmentsOf?: boolean;
}

// Blocks nest as deep as there are targets, and the parser of V8 needs stack for each: 2000 are fine on the smallest stack.
const MAX_BLOCKS = 500;

/** The function for `program`. @throws WeftError `filter-invalid`: see {@link parseBpfProgram}. */
export function compileFilter(program: BpfProgram, options: FilterOptions = {}): CompiledFilter {
  const checked = parseBpfProgram(program);
  const targets = jumpTargets(checked);
  const segmentsOf = options.segmentsOf === true;
  const text = targets.length > MAX_BLOCKS ? dispatched(checked, segmentsOf) : nested(checked, targets, segmentsOf);
  const memory = Array.from({ length: BPF_MEMORY_WORDS }, (_, index) => `m${index} = 0`);
  const body = `let a = 0, x = 0, i = 0, ${memory.join(', ')};\n${text}`;
  // eslint-disable-next-line typescript/no-implied-eval -- this is the compiler
  const make = new Function('differs', `return (bytes, at, length, available = length) => {\n${body}\n};`) as (
    differs: typeof differsBetweenSegments,
  ) => CompiledFilter;
  return make(differsBetweenSegments);
}

/** Where jumps go, in the order of the program. */
function jumpTargets(program: BpfProgram): number[] {
  const targets = program.flatMap((instruction, index) =>
    (instruction[0] & 7) === BpfClass.jmp ? Object.values(branches(instruction, index)) : [],
  );
  return [...new Set(targets)].sort((a, b) => a - b);
}

function branches([code, ifTrue, ifFalse, k]: BpfInstruction, index: number): { yes: number; no: number } {
  const next = index + 1;
  return code === BpfClass.jmp ? { yes: next + k, no: next + k } : { yes: next + ifTrue, no: next + ifFalse };
}

/** Each target ends a block, and all blocks begin at the start: the furthest one first. */
function nested(program: BpfProgram, targets: readonly number[], segmentsOf: boolean): string {
  const isTarget = new Set(targets);
  const lines = targets.toReversed().map((target) => `L${target}: {`);
  for (const [index, instruction] of program.entries()) {
    if (isTarget.has(index)) lines.push('}');
    const goTo = (target: number) => (target === index + 1 ? '' : `break L${target};`);
    lines.push(statement(instruction, index, segmentsOf, goTo));
  }
  return lines.join('\n');
}

/** Slower, and without a limit. */
function dispatched(program: BpfProgram, segmentsOf: boolean): string {
  const cases = program.map((instruction, index) => {
    const goTo = (target: number) => (target === index + 1 ? '' : `{ i = ${target}; continue; }`);
    return `case ${index}: ${statement(instruction, index, segmentsOf, goTo)}`;
  });
  // The index variable is free at every jump: a load sets it right before it uses it.
  return `for (;;) switch (i) {\n${cases.join('\n')}\n}`;
}

function statement(
  instruction: BpfInstruction,
  index: number,
  segmentsOf: boolean,
  goTo: (target: number) => string,
): string {
  const [code, , , k] = instruction;
  switch (code & 7) {
    case BpfClass.ld:
      return load('a', code, k, segmentsOf);
    case BpfClass.ldx:
      return load('x', code, k, segmentsOf);
    case BpfClass.st:
      return `m${k} = a;`;
    case BpfClass.stx:
      return `m${k} = x;`;
    case BpfClass.alu:
      return arithmetic(code, k);
    case BpfClass.jmp: {
      const { yes, no } = branches(instruction, index);
      if (yes === no) return goTo(yes);
      const condition = comparison(code, k);
      return goTo(yes) === '' ? `if (!(${condition})) ${goTo(no)}` : `if (${condition}) ${goTo(yes)} ${goTo(no)}`;
    }
    case BpfClass.ret:
      return (code & BPF_RETURN_A) === 0 ? `return ${k};` : 'return a >>> 0;';
    default:
      return (code & BPF_X_TO_A) === 0 ? 'x = a;' : 'a = x;';
  }
}

function load(register: string, code: number, k: number, segmentsOf: boolean): string {
  switch (code & 0xe0) {
    case BpfMode.immediate:
      return `${register} = ${k | 0};`;
    case BpfMode.memory:
      return `${register} = m${k};`;
    case BpfMode.length:
      return segmentsOf ? 'return 1;' : `${register} = length;`;
    default:
      return packetLoad(register, code, k, segmentsOf);
  }
}

function packetLoad(register: string, code: number, k: number, segmentsOf: boolean): string {
  const size = { [BpfSize.word]: 4, [BpfSize.half]: 2, [BpfSize.byte]: 1 }[code & 0x18]!;
  const offset = (code & 0xe0) === BpfMode.indirect ? `(x >>> 0) + ${k}` : `${k}`;
  const octet = (code & 0xe0) === BpfMode.ipHeader ? '(bytes[i] & 15) << 2' : 'bytes[i]';
  const value = {
    4: '(bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3]',
    2: '(bytes[i] << 8) | bytes[i + 1]',
    1: octet,
  }[size]!;
  return [
    `i = ${offset};`,
    `if (i + ${size} > available) return 0;`,
    segmentsOf ? `if (differs(bytes, at, length, i, ${size})) return 1;` : '',
    `i += at;`,
    `${register} = ${value};`,
  ].join(' ');
}

function arithmetic(code: number, k: number): string {
  const isX = (code & BPF_OPERAND_X) !== 0;
  const operand = isX ? 'x' : `${k | 0}`;
  const unsigned = isX ? '(x >>> 0)' : `${k}`;
  switch (code & 0xf0) {
    case BpfAlu.add:
      return `a = (a + ${operand}) | 0;`;
    case BpfAlu.subtract:
      return `a = (a - (${operand})) | 0;`;
    case BpfAlu.multiply:
      return `a = Math.imul(a, ${operand});`;
    case BpfAlu.divide:
      return `${isX ? 'if (x === 0) return 0; ' : ''}a = ((a >>> 0) / ${unsigned}) | 0;`;
    case BpfAlu.modulo:
      return `${isX ? 'if (x === 0) return 0; ' : ''}a = ((a >>> 0) % ${unsigned}) | 0;`;
    case BpfAlu.or:
      return `a |= ${operand};`;
    case BpfAlu.and:
      return `a &= ${operand};`;
    case BpfAlu.xor:
      return `a ^= ${operand};`;
    case BpfAlu.shiftLeft:
      return `a = ${unsigned} < 32 ? a << ${operand} : 0;`;
    case BpfAlu.shiftRight:
      return `a = ${unsigned} < 32 ? (a >>> ${operand}) | 0 : 0;`;
    default:
      return 'a = -a | 0;';
  }
}

function comparison(code: number, k: number): string {
  const isX = (code & BPF_OPERAND_X) !== 0;
  const operand = isX ? 'x' : `${k | 0}`;
  const unsigned = isX ? 'x >>> 0' : `${k}`;
  switch (code & 0xf0) {
    case BpfJump.equal:
      return `a === ${operand}`;
    case BpfJump.greater:
      return `a >>> 0 > (${unsigned})`;
    case BpfJump.greaterOrEqual:
      return `a >>> 0 >= (${unsigned})`;
    default:
      return `(a & ${operand}) !== 0`;
  }
}
