/**
 * Filter expressions (pcap-filter(7)), compiled by libpcap itself: the language is what tcpdump and Wireshark take, to the
 * letter, in its own error messages too.
 *
 * For short-lived processes: libpcap asks the name service about host names, which takes what it takes. Daemons are given the
 * program.
 */
import koffi from 'koffi';
import { parseBpfProgram, type BpfInstruction, type BpfProgram } from '../capture/bpf-program.ts';
import { RequirementError, WeftError } from '../errors.ts';

/** Names under which distributions install it: Debian and its kin, and everybody else. */
const LIBRARY_NAMES = ['libpcap.so.0.8', 'libpcap.so.1'];

/** `DLT_RAW`: packets begin with their IP header. */
const DLT_RAW = 12;

const SNAPLEN_BYTES = 65_535;
const INSTRUCTION_BYTES = 8;

/** `PCAP_NETMASK_UNKNOWN`: an expression about IPv4 broadcasts is refused, because nobody knows which network is meant. */
const NETMASK_UNKNOWN = 0xffff_ffff;

interface Libpcap {
  readonly openDead: (linkType: number, snaplenBytes: number) => unknown;
  readonly compile: (
    handle: unknown,
    program: Uint8Array,
    expression: string,
    optimize: number,
    netmask: number,
  ) => number;
  readonly errorText: (handle: unknown) => string;
  readonly freeProgram: (program: Uint8Array) => void;
  readonly close: (handle: unknown) => void;
}

let loaded: Libpcap | undefined;

/**
 * The program of `expression`, for packets that begin with their IP header. An empty expression matches every packet.
 *
 * @throws WeftError `filter-invalid` in libpcap's own words. @throws RequirementError `libpcap-missing`
 */
export function compileExpression(expression: string): BpfProgram {
  const libpcap = (loaded ??= loadLibpcap());
  const handle = libpcap.openDead(DLT_RAW, SNAPLEN_BYTES);
  // struct bpf_program { u_int bf_len; struct bpf_insn *bf_insns; }
  const program = new Uint8Array(16);
  try {
    if (libpcap.compile(handle, program, expression, 1, NETMASK_UNKNOWN) !== 0) {
      throw new WeftError(
        'filter-invalid',
        `filter '${expression}': ${libpcap.errorText(handle)} (see pcap-filter(7))`,
        { expression },
      );
    }
    try {
      return parseBpfProgram(instructionsOf(program));
    } finally {
      libpcap.freeProgram(program);
    }
  } finally {
    libpcap.close(handle);
  }
}

function loadLibpcap(): Libpcap {
  const library = openLibrary();
  return {
    openDead: library.func('void *pcap_open_dead(int linkType, int snaplen)'),
    compile: library.func(
      'int pcap_compile(void *handle, void *program, const char *expression, int optimize, uint32_t netmask)',
    ),
    errorText: library.func('const char *pcap_geterr(void *handle)'),
    freeProgram: library.func('void pcap_freecode(void *program)'),
    close: library.func('void pcap_close(void *handle)'),
  };
}

function openLibrary(): ReturnType<typeof koffi.load> {
  for (const name of LIBRARY_NAMES) {
    try {
      return koffi.load(name);
    } catch {
      // The next name, or the error below.
    }
  }
  const how = 'install libpcap (Debian: libpcap0.8, elsewhere: libpcap)';
  throw new RequirementError('libpcap-missing', `filters need libpcap, which is not on this machine: ${how}`, {
    names: LIBRARY_NAMES,
  });
}

/** Of the structure at `program`, whose instructions lie in libpcap's memory. */
function instructionsOf(program: Uint8Array): BpfInstruction[] {
  const view = new DataView(program.buffer);
  const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  const count = view.getUint32(0, isLittleEndian);
  const address = view.getBigUint64(8, isLittleEndian);
  const octets = koffi.decode(address, koffi.array('uint8_t', count * INSTRUCTION_BYTES, 'Typed')) as Uint8Array;
  const instructions = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return Array.from({ length: count }, (_, index) => {
    const at = index * INSTRUCTION_BYTES;
    return [
      instructions.getUint16(at, isLittleEndian),
      instructions.getUint8(at + 2),
      instructions.getUint8(at + 3),
      instructions.getUint32(at + 4, isLittleEndian),
    ];
  });
}
