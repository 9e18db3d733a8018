/**
 * bpf(4), instruction by instruction, the slow and obvious way: all numbers are unsigned, all arithmetic is modulo 2^32, and
 * codes are written as libpcap writes them. The twin of `src/capture/bpf-compiler.ts`.
 */
import type { BpfProgram } from '../../src/capture/bpf-program.ts';

const WORD = 2n ** 32n;

/** What `program` returns for `packet`, of which only the first `availableBytes` may be read. */
export function interpretBpf(program: BpfProgram, packet: Uint8Array, availableBytes = packet.length): number {
  const memory = Array.from({ length: 16 }, () => 0n);
  let a = 0n;
  let x = 0n;
  const read = (offset: bigint, size: number): bigint | undefined => {
    if (offset + BigInt(size) > BigInt(availableBytes)) return undefined;
    const octets = [...packet.subarray(Number(offset), Number(offset) + size)];
    return octets.reduce((value, octet) => value * 256n + BigInt(octet), 0n);
  };
  for (let pc = 0; ; pc++) {
    const [code, ifTrue, ifFalse, number] = program[pc]!;
    const k = BigInt(number);
    if (code === 0x06) return number;
    if (code === 0x16) return Number(a);
    const size = { 0x00: 4, 0x08: 2, 0x10: 1 }[code & 0x18]!;
    if ((code & 7) <= 1) {
      let value: bigint | undefined;
      const mode = code & 0xe0;
      if (mode === 0x00) value = k;
      else if (mode === 0x20) value = read(k, size);
      else if (mode === 0x40) value = read(x + k, size);
      else if (mode === 0x60) value = memory[number];
      else if (mode === 0x80) value = BigInt(packet.length);
      else value = (value = read(k, 1)) === undefined ? undefined : (value & 0x0fn) * 4n;
      if (value === undefined) return 0;
      if ((code & 7) === 0) a = value;
      else x = value;
    } else if ((code & 7) === 2) memory[number] = a;
    else if ((code & 7) === 3) memory[number] = x;
    else if ((code & 7) === 7) [a, x] = code === 0x07 ? [a, a] : [x, x];
    else if (code === 0x05) pc += number;
    else {
      const operand = (code & 8) === 0 ? k : x;
      const isComparison = (code & 7) === 5;
      const value = isComparison ? compare(code & 0xf0, a, operand) : calculate(code & 0xf0, a, operand);
      if (value === undefined) return 0;
      if (isComparison) pc += value === 1n ? ifTrue : ifFalse;
      else a = ((value % WORD) + WORD) % WORD;
    }
  }
}

function calculate(operation: number, a: bigint, operand: bigint): bigint | undefined {
  if (operation === 0x00) return a + operand;
  if (operation === 0x10) return a - operand;
  if (operation === 0x20) return a * operand;
  if (operation === 0x30) return operand === 0n ? undefined : a / operand;
  if (operation === 0x40) return a | operand;
  if (operation === 0x50) return a & operand;
  if (operation === 0x60) return operand < 32n ? a << operand : 0n;
  if (operation === 0x70) return operand < 32n ? a >> operand : 0n;
  if (operation === 0x80) return -a;
  if (operation === 0x90) return operand === 0n ? undefined : a % operand;
  return a ^ operand;
}

function compare(operation: number, a: bigint, operand: bigint): bigint {
  if (operation === 0x10) return a === operand ? 1n : 0n;
  if (operation === 0x20) return a > operand ? 1n : 0n;
  if (operation === 0x30) return a >= operand ? 1n : 0n;
  return (a & operand) === 0n ? 0n : 1n;
}
