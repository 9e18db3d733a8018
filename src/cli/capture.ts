/** `weft capture`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { CaptureSpec } from '../api/capture-api.ts';
import type { ControlClient } from '../client/control-client.ts';
import type { Rotation } from './capture-files.ts';
import type { CaptureOutput, CaptureSummary } from './capture-output.ts';
import { parseDuration } from './duration.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { POD_HELP } from './pod-help.ts';
import type { PodNames } from './pod-names.ts';

export interface CaptureOptions extends OutputOptions {
  readonly outer?: string;
  readonly node?: readonly string[];
  readonly all?: true;
  readonly pod?: string;
  readonly peer?: string;
  readonly hook?: readonly string[];
  readonly drops?: true;
  readonly probes?: true;
  readonly snaplen?: number;
  readonly count?: number;
  /** In ms. */
  readonly for?: number;
  readonly write?: string;
  readonly rotate?: Rotation;
  readonly iface?: string;
}

/** A signal so long after the first one is another one, in ms. */
const IMPATIENCE_MS = 500;
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1_000, M: 1_000_000, G: 1_000_000_000 };
/** Smallest file: the description of all interfaces has some KB. */
const MIN_FILE_BYTES = 65_536;

const examples = `
FILTER is what tcpdump takes (pcap-filter(7)), for the packets of pods; --outer
is the same for the datagrams between nodes around them.

  weft capture --all icmp      a line for each packet at each hook of each node
  weft capture --drops         what was dropped here, and why
  weft capture --all -w - tcp port 80 | wireshark -k -i -
  weft capture --pod web -w web.pcapng --rotate 100M,10

Hooks, in the order of a packet: from-pod, route, encapsulate, to-underlay;
from-underlay, decapsulate, relay, to-pod; drop, in place of any of them.`;

/** Adds the command. */
export function registerCapture(program: Command): void {
  program
    .command('capture [filter...]')
    .description('show packets where they pass, or are dropped, at this node and others, or write them to a file')
    .option('--outer <filter>', 'which packets between nodes')
    .option('--node <names>', 'of these nodes, n1,n2; may be repeated', list)
    .option('--all', 'of all nodes')
    .option('--pod <name>', POD_HELP)
    .option('--peer <node>', 'only packets to and from a node')
    .option('--hook <names>', 'only at these hooks, from-pod,to-pod; may be repeated', list)
    .option('--drops', 'only what is dropped')
    .option('--probes', "also weft's own probes of paths")
    .option('--snaplen <bytes>', 'of each packet, only its beginning, 64 or more', snaplen)
    .option('-c, --count <number>', 'end after so many packets', whole)
    .option('--for <time>', 'end after so long: 10s, 5m', parseDuration)
    .option('-w, --write <file>', 'write pcapng instead; - is standard output')
    .option('--rotate <size>', 'another file whenever one has this size, 100M; 100M,10 keeps the last ten', rotation)
    .option('--iface <device>', 'packets of a device of the kernel, instead of those of weft')
    .option('--json', 'print JSON, an object on each line')
    .addHelpText('after', examples)
    .action(async (words: readonly string[], options: CaptureOptions, command: Command) => {
      const filter = words.join(' ').trim();
      await refuseContradictions(options);
      const summary = await (options.iface === undefined
        ? captureNodes(filter, options, command)
        : captureDevice(options.iface, filter, options));
      process.stderr.write(`${summary.packets} packets captured, ${summary.lost} lost by the capture itself\n`);
    });
}

async function captureNodes(filter: string, options: CaptureOptions, command: Command): Promise<CaptureSummary> {
  const [{ controlClient }, { CaptureClient }, { CaptureRun }] = await Promise.all([
    import('./daemon-socket.ts'),
    import('../client/capture-client.ts'),
    import('./capture-run.ts'),
  ]);
  const control = controlClient(command);
  const client = new CaptureClient(control.socketPath);
  const spec = await specOf(filter, { ...options, ...(await takenPod(control, options)) });
  const isAll = options.all === true;
  const nodes = isAll ? (await client.overview()).nodes : [...new Set(options.node ?? [undefined])];
  const run = new CaptureRun({
    client,
    spec,
    nodes,
    mayMiss: isAll,
    output: await outputOf(options, await podNames(control)),
    say: tell,
  });
  return await untilInterrupted(
    async () => run.run(),
    () => run.end(),
  );
}

/** Of a Deployment all nodes take the same pod. What is no name of anybody, or of several, every node says of its own pods. */
async function takenPod(control: ControlClient, { pod }: CaptureOptions): Promise<Pick<CaptureOptions, 'pod'>> {
  if (pod === undefined) return {};
  const place = await control.place(pod).catch(() => undefined);
  if (place?.kind !== 'pod' || place.remark === '') return { pod };
  tell(`weft: ${place.remark}\n`);
  return { pod: place.label };
}

async function captureDevice(device: string, filter: string, options: CaptureOptions): Promise<CaptureSummary> {
  const { DeviceCapture } = await import('./device-capture.ts');
  const { snaplen: snaplenBytes, count, for: forMs } = options;
  const output = await outputOf(options);
  const capture = new DeviceCapture({ device, filter, snaplenBytes, count, forMs, output, say: tell });
  return await untilInterrupted(
    async () => capture.run(),
    () => capture.end(),
  );
}

/** The first Ctrl-C ends it in order, a second one at once. Programs in between may pass on the first one twice. */
async function untilInterrupted(run: () => Promise<CaptureSummary>, end: () => void): Promise<CaptureSummary> {
  let firstMs: number | undefined;
  const hear = (): void => {
    firstMs ??= performance.now();
    if (performance.now() - firstMs > IMPATIENCE_MS) process.exit(ExitCode.failure);
    end();
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  try {
    return await run();
  } finally {
    process.off('SIGINT', hear);
    process.off('SIGTERM', hear);
  }
}

async function specOf(filter: string, options: CaptureOptions): Promise<CaptureSpec> {
  const { outer, pod, peer, hook, drops, probes, snaplen: snaplenBytes, count } = options;
  await refuseUnknownHooks(hook ?? []);
  const needsCompiler = filter !== '' || outer !== undefined;
  const compile = needsCompiler ? (await import('../linux/packet-filter.ts')).compileExpression : undefined;
  const compiled = (text: string) => ({ text, program: compile!(text) });
  return {
    ...(filter !== '' && { filter: compiled(filter) }),
    ...(outer !== undefined && { outer: compiled(outer) }),
    ...(hook !== undefined && { hooks: hook }),
    ...(pod !== undefined && { pod }),
    ...(peer !== undefined && { peer }),
    ...(drops === true && { dropsOnly: true }),
    ...(probes === true && { probes: true }),
    ...(snaplenBytes !== undefined && { snaplenBytes }),
    ...(count !== undefined && { count }),
    ...(options.for !== undefined && { seconds: options.for / 1_000 }),
  };
}

async function refuseUnknownHooks(names: readonly string[]): Promise<void> {
  const { hookNamed, hooks } = await import('../dataplane/hook.ts');
  const unknown = names.find((name) => hookNamed(name) === undefined);
  if (unknown === undefined) return;
  const { WeftError } = await import('../errors.ts');
  throw new WeftError('usage', `--hook: ${unknown} is none of ${hooks.map(({ name }) => name).join(', ')}`);
}

/** What pods are called now; those that come later are not. A daemon that does not answer is told by the capture itself. */
async function podNames(control: ControlClient): Promise<PodNames> {
  const { PodNames } = await import('./pod-names.ts');
  const report = await control.directory().catch(() => undefined);
  return new PodNames(report?.pods);
}

async function outputOf({ write, rotate, json }: CaptureOptions, names?: PodNames): Promise<CaptureOutput> {
  if (write !== undefined) {
    const { CaptureFiles } = await import('./capture-files.ts');
    const files = new CaptureFiles(write, rotate, names);
    await files.open();
    return files;
  }
  const [{ CaptureLines }, { standardOutput }] = await Promise.all([
    import('./capture-lines.ts'),
    import('../terminal/terminal.ts'),
  ]);
  return new CaptureLines(json === true, standardOutput(), names);
}

async function refuseContradictions(options: CaptureOptions): Promise<void> {
  const { write, rotate, json, all, node, iface, outer, pod, peer, hook, drops, probes } = options;
  const ofWeft = { all, node, outer, pod, peer, hook, drops, probes };
  const alien = Object.entries(ofWeft).find(([, value]) => value !== undefined)?.[0];
  const problems = [
    ...(all === true && node !== undefined ? ['--all and --node contradict each other'] : []),
    ...(drops === true && hook !== undefined ? ['--drops and --hook contradict each other'] : []),
    ...(json === true && write !== undefined ? ['--json and --write contradict each other'] : []),
    ...(rotate !== undefined && (write ?? '-') === '-' ? ['--rotate needs --write with the name of a file'] : []),
    ...(write === '-' && process.stdout.isTTY
      ? ['--write -: standard output is a terminal; pipe it to a program']
      : []),
    ...(iface !== undefined && alien !== undefined ? [`--iface and --${alien} contradict each other`] : []),
  ];
  if (problems.length === 0) return;
  const { WeftError } = await import('../errors.ts');
  throw new WeftError('usage', problems.join('\n'));
}

function tell(text: string): void {
  process.stderr.write(text);
}

function list(text: string, before: readonly string[] = []): readonly string[] {
  const words = text.split(',').filter((word) => word !== '');
  if (words.length === 0) throw new InvalidArgumentError('No name.');
  return [...before, ...words];
}

/** As `daemon/capture/capture-request.ts` has it. */
function snaplen(text: string): number {
  const bytes = whole(text);
  if (bytes < 64 || bytes > 65_535) throw new InvalidArgumentError('Not a number from 64 to 65535.');
  return bytes;
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Not a whole number above 0.');
  return Number(text);
}

function rotation(text: string): Rotation {
  const [, count, unit, files] = /^(\d{1,6})([kMG]?)(?:,([1-9]\d{0,4}))?$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('Not SIZE or SIZE,FILES, such as 100M or 100M,10.');
  const sizeBytes = Number(count) * UNIT_BYTES[unit!]!;
  if (sizeBytes < MIN_FILE_BYTES) throw new InvalidArgumentError('Smaller than 66k, which is the least.');
  return { sizeBytes, ...(files !== undefined && { files: Number(files) }) };
}
