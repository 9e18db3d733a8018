/** Captures in a namespace of a lab, and what tshark makes of them. */
import { runProgram, type Program } from './program.ts';
import type { TestLab } from './test-lab.ts';
import { until } from './until.ts';

/** tshark does not look at checksums unless it is told to. */
const VALIDATION = ['ip', 'udp', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);

/** Values of a field in one frame, outermost first: `udp.srcport` is there twice if there is UDP in the tunnel. */
export type DecodedFrame<Field extends string> = Readonly<Record<Field, readonly string[]>>;

/** Starts a capture of everything on the VXLAN port. It is complete once the program has ended. */
export async function startCapture(lab: TestLab, place: string, file: string): Promise<Program> {
  const options = ['-i', 'eth0', '-U', '-Z', 'root', '-B', '16384', '-w', file];
  const capture = lab.background(place, 'tcpdump', ...options, 'udp', 'port', '4789');
  await until('tcpdump listens', async () => {
    if (capture.child.exitCode !== null) throw new Error(`tcpdump ended: ${capture.stderr}`);
    return capture.stderr.includes('listening on eth0');
  });
  return capture;
}

/** Decodes a capture with checksum validation on. */
export async function decodeCapture<Field extends string>(
  file: string,
  fields: readonly Field[],
): Promise<DecodedFrame<Field>[]> {
  const columns = fields.flatMap((field) => ['-e', field]);
  const result = await runProgram([
    'tshark',
    '-r',
    file,
    ...VALIDATION,
    '-T',
    'fields',
    '-E',
    'occurrence=a',
    ...columns,
  ]);
  const lines = result.succeeded().split('\n').slice(0, -1);
  return lines.map((line) => {
    const values = line.split('\t').map((value) => (value === '' ? [] : value.split(',')));
    const named = fields.map((field, index): [Field, readonly string[]] => [field, values[index] ?? []]);
    return Object.fromEntries(named) as Record<Field, readonly string[]>;
  });
}
