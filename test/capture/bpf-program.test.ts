import test from 'ava';
import { MAX_BPF_INSTRUCTIONS, parseBpfProgram } from '../../src/capture/bpf-program.ts';

const RET = [0x06, 0, 0, 0];

const refused = test.macro({
  exec(t, value: unknown, message: string) {
    t.throws(() => parseBpfProgram(value), { code: 'filter-invalid', message });
  },
  title: (what) => `refuses ${what}`,
});

test('something that is no list', refused, { 0: RET, length: 1 }, 'a filter program is a list of instructions');
test('an empty list', refused, [], 'a filter program is a list of instructions');
test('text', refused, 'ip', 'a filter program is a list of instructions');
test(
  'more instructions than the kernel would take',
  refused,
  Array.from({ length: MAX_BPF_INSTRUCTIONS + 1 }, () => RET),
  'a filter program has at most 4096 instructions, not 4097',
);
test('three numbers', refused, [[0x06, 0, 0]], 'instruction 0 is not [code, jt, jf, k]');
test('five numbers', refused, [[0x06, 0, 0, 0, 0]], 'instruction 0 is not [code, jt, jf, k]');
test('text as a number', refused, [RET, [0x06, 0, 0, '0;process.exit()']], 'instruction 1 is not [code, jt, jf, k]');
test('a fraction', refused, [[0x06, 0, 0, 0.5]], 'instruction 0 is not [code, jt, jf, k]');
test('a number that is negative', refused, [[0x06, 0, 0, -1]], 'instruction 0 is not [code, jt, jf, k]');
test('a number of 33 bits', refused, [[0x06, 0, 0, 2 ** 32]], 'instruction 0 is not [code, jt, jf, k]');
test('a jump of 9 bits', refused, [[0x15, 256, 0, 0], RET], 'instruction 0 is not [code, jt, jf, k]');
test('an unknown code', refused, [[0x0f, 0, 0, 0], RET], 'instruction 0 has the unknown code 0xf');
test('a store into the packet', refused, [[0x22, 0, 0, 0], RET], 'instruction 0 has the unknown code 0x22');
test('a jump past the end', refused, [[0x15, 0, 1, 0], RET], 'instruction 0 jumps out of the program');
test('a long jump past the end', refused, [[0x05, 0, 0, 0xffff_ffff], RET], 'instruction 0 jumps out of the program');
test('a memory word that is not there', refused, [[0x60, 0, 0, 16], RET], 'instruction 0 uses memory word 16');
test('a store to one', refused, [[0x02, 0, 0, 16], RET], 'instruction 0 uses memory word 16');
test('a division by zero', refused, [[0x34, 0, 0, 0], RET], 'instruction 0 divides by zero');
test('a remainder by zero', refused, [[0x94, 0, 0, 0], RET], 'instruction 0 divides by zero');
test('a program that does not end', refused, [RET, [0x00, 0, 0, 0]], 'the last instruction does not return');

test('takes a program as it is', (t) => {
  const program = [[0x30, 0, 0, 9], [0x15, 0, 1, 6], [0x06, 0, 0, 0xffff], RET];
  t.deepEqual(parseBpfProgram(JSON.parse(JSON.stringify(program))), program as never);
});
