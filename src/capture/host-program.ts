/** A packet filter for addresses, made without libpcap: a daemon has the addresses of a pod, and no compiler. */
import type { IpAddress } from '../wire/address.ts';
import { IPV4_DESTINATION_OFFSET, IPV4_SOURCE_OFFSET } from '../wire/ipv4.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_SOURCE_OFFSET } from '../wire/ipv6.ts';
import { readU32 } from '../wire/octets.ts';
import {
  BpfClass,
  type BpfInstruction,
  BpfMode,
  type BpfProgram,
  BpfSize,
  MAX_BPF_INSTRUCTIONS,
} from './bpf-program.ts';

const WORD = BpfClass.ld | BpfSize.word | BpfMode.absolute;
const BYTE = BpfClass.ld | BpfSize.byte | BpfMode.absolute;
/** `A == k`, `A >>= k`, and a jump without a condition (bpf(4)). */
const EQUAL = BpfClass.jmp | 0x10;
const SHIFT_RIGHT = BpfClass.alu | 0x70;
const JUMP = BpfClass.jmp;
const ALL = 65_535;

/** An instruction, or a jump to the end of all alternatives, where the packet is wanted. */
type Step = BpfInstruction | 'wanted';

/**
 * Packets from or to one of the addresses, and among them those that `then` wants, if it is given: where both together are too
 * long for one program, `then` alone.
 */
export function hostProgram(addresses: readonly IpAddress[], then?: BpfProgram): BpfProgram {
  const steps = [...ofFamily(4, addresses), ...ofFamily(6, addresses)];
  const refuse: BpfInstruction = [BpfClass.ret, 0, 0, 0];
  const choice = steps.map((step, at): BpfInstruction =>
    // Behind the refusal, which stands at the end of the steps.
    step === 'wanted' ? [JUMP, 0, 0, steps.length - at] : step,
  );
  // Whoever comes next finds the registers as at the start.
  const rest: BpfProgram = then
    ? [[BpfClass.ld, 0, 0, 0], [BpfClass.ldx, 0, 0, 0], ...then]
    : [[BpfClass.ret, 0, 0, ALL]];
  const program = [...choice, refuse, ...rest];
  return then !== undefined && program.length > MAX_BPF_INSTRUCTIONS ? then : program;
}

function ofFamily(family: 4 | 6, addresses: readonly IpAddress[]): Step[] {
  const offsets =
    family === 4 ? [IPV4_SOURCE_OFFSET, IPV4_DESTINATION_OFFSET] : [IPV6_SOURCE_OFFSET, IPV6_DESTINATION_OFFSET];
  const alternatives = addresses
    .filter((address) => address.family === family)
    .flatMap(({ bytes }) => offsets.flatMap((offset) => comparison(bytes, offset)));
  // Whoever has many addresses would jump further than a comparison can.
  return [
    [BYTE, 0, 0, 0],
    [SHIFT_RIGHT, 0, 0, 4],
    [EQUAL, 1, 0, family],
    [JUMP, 0, 0, alternatives.length],
    ...alternatives,
  ];
}

/** An address at an offset: word by word, and on behind it as soon as one differs. */
function comparison(bytes: Uint8Array, offset: number): Step[] {
  const words = bytes.length / 4;
  const steps = Array.from({ length: words }, (_, word): Step[] => {
    const left = 2 * (words - word - 1) + 1;
    return [
      [WORD, 0, 0, offset + 4 * word],
      [EQUAL, 0, left, readU32(bytes, 4 * word)],
    ];
  });
  return [...steps.flat(), 'wanted'];
}
