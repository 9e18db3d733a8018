/** Filters of sockets (socket(7), SO_ATTACH_FILTER): the kernel drops what they do not want. */
import type { BpfProgram } from '../capture/bpf-program.ts';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { MappedMemory } from './mapped-memory.ts';

/** @param purpose completes "cannot …". @throws SystemCallError */
export function attachFilter(fd: number, program: BpfProgram, purpose: string): void {
  const { sock_filter: instruction, sock_fprog: fprog } = Struct;
  const memory = new MappedMemory(program.length * instruction.size + fprog.size + 128);
  try {
    const filterAt = memory.allocate(program.length * instruction.size).at;
    for (const [index, [code, ifTrue, ifFalse, k]] of program.entries()) {
      const at = filterAt + index * instruction.size;
      memory.halfWords[(at + instruction.code) >> 1] = code;
      memory.bytes[at + instruction.jt] = ifTrue;
      memory.bytes[at + instruction.jf] = ifFalse;
      memory.words[(at + instruction.k) >> 2] = k | 0;
    }
    const programAt = memory.allocate(fprog.size).at;
    memory.halfWords[(programAt + fprog.len) >> 1] = program.length;
    memory.writePointer(programAt + fprog.filter, filterAt);
    const option = memory.bytes.subarray(programAt, programAt + fprog.size);
    checked(libc.setsockopt(fd, Abi.SOL_SOCKET, Abi.SO_ATTACH_FILTER, option, option.length), 'setsockopt', purpose);
  } finally {
    memory.unmap();
  }
}
