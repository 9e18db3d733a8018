/** `kubectl weft`, the program, with a kubectl that runs here what is to run in a pod. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { daemonPod, KubectlDouble } from '../support/kubectl-double.ts';

const plugin = join(import.meta.dirname, '..', '..', 'src', 'cli', 'kubectl-weft.ts');
const weft = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const twoNodes = { 'get *pods *': KubectlDouble.json({ items: [daemonPod('n1'), daemonPod('n2')] }) };

function doubleFor(t: ExecutionContext, answers: Readonly<Record<string, string>> = twoNodes, program?: string) {
  const double = new KubectlDouble({ ...answers, ...twoNodes }, program);
  t.teardown(() => double.remove());
  return double;
}

function start(double: KubectlDouble, args: readonly string[], path?: string): ChildProcessWithoutNullStreams {
  const PATH = path ?? `${double.bin}:${process.env['PATH']}`;
  return spawn(process.execPath, [plugin, ...args], { env: { ...process.env, PATH }, cwd: double.directory });
}

async function run(double: KubectlDouble, args: readonly string[], path?: string) {
  const child = start(double, args, path);
  const [stdout, stderr]: Buffer[][] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => stdout!.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr!.push(chunk));
  const [exitCode] = (await once(child, 'close')) as [number];
  return { exitCode, stdout: Buffer.concat(stdout!), stderr: Buffer.concat(stderr!).toString() };
}

test('a command runs in the pod of weft at the node of its source', async (t) => {
  const double = doubleFor(t, { 'get pod db -n shop *': 'printf n2' });
  const { exitCode, stdout, stderr } = await run(double, ['explain', '--proto', 'tcp', 'shop/db', 'web']);
  t.deepEqual([exitCode, stderr], [0, '']);
  t.is(stdout.toString(), 'weft --end-with-stdin explain --proto tcp shop/db web\n');
  t.is(double.calls.at(-1), 'exec -i -n weft weft-n2 -c weft -- weft --end-with-stdin explain --proto tcp shop/db web');
});

test('where nothing says which node, it is the first, and that is said', async (t) => {
  const double = doubleFor(t);
  const { stderr } = await run(double, ['--context', 'kind', 'status', '--kubeconfig=/f']);
  t.regex(stderr, /^weft: asking n1; --node/);
  t.regex(double.calls.at(-1)!, /^exec --context kind --kubeconfig=\/f -i -n weft weft-n1 .* status$/);
});

for (const [args, node] of [
  [['--node', 'n2', 'status'], 'n2'],
  [['trace', 'n2/deploy/web', 'db'], 'n2'],
  [['capture', '--pod', 'n2/web', 'icmp'], 'n2'],
  [['explain', 'shop/deploy/web', 'n2'], 'n1'],
  [['capture', '--all', '--pod', 'n2/web'], 'n1'],
  [['explain', 'drop', 'no-route'], 'n1'],
] as const) {
  test(`weft ${args.join(' ')} runs at ${node}`, async (t) => {
    const double = doubleFor(t);
    t.is((await run(double, args)).exitCode, 0);
    t.regex(double.calls.at(-1)!, new RegExp(`^exec -i -n weft weft-${node} `));
  });
}

test('what a capture writes comes through byte by byte, to standard output and to a file of this machine', async (t) => {
  const double = doubleFor(t, twoNodes, String.raw`printf '\000\377\r\n\n\004'`);
  const bytes = Buffer.from([0, 0xff, 0x0d, 0x0a, 0x0a, 4]);
  t.deepEqual((await run(double, ['capture', '--all', '-w', '-'])).stdout, bytes);
  const toFile = await run(double, ['capture', '--all', '-w', 'a.pcapng', 'icmp']);
  t.deepEqual([toFile.exitCode, toFile.stdout.length], [0, 0]);
  t.deepEqual(readFileSync(join(double.directory, 'a.pcapng')), bytes);
  t.regex(double.calls.at(-1)!, /capture --all -w a\.pcapng icmp --write=-$/);
});

test('the exit code of the command is that of the plugin', async (t) => {
  t.is((await run(doubleFor(t, twoNodes, 'exit 3'), ['matrix'])).exitCode, 3);
});

test('after a signal the command ends in order: its standard input ends', async (t) => {
  const double = doubleFor(t, twoNodes, 'echo begun; cat >/dev/null; echo done; exit 5');
  const child = start(double, ['ping', 'n2', '-c', '0']);
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  t.is(first.toString(), 'begun\n');
  child.kill('SIGINT');
  const [[rest], [exitCode]] = (await Promise.all([once(child.stdout, 'data'), once(child, 'close')])) as [
    [Buffer],
    [number],
  ];
  t.deepEqual([rest.toString(), exitCode], ['done\n', 5]);
});

test('weft --end-with-stdin ends as after Ctrl-C, and otherwise by itself', async (t) => {
  const args = [weft, '--end-with-stdin', 'version'];
  const [exitCode] = (await once(spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] }), 'close')) as [
    number,
  ];
  t.is(exitCode, 0);
  // It waits for a daemon that does not answer.
  const double = doubleFor(t);
  const socket = join(double.directory, 'deaf.sock');
  const { createServer } = await import('node:net');
  const deaf = createServer((connection) => connection.on('error', () => undefined)).listen(socket);
  t.teardown(() => deaf.close());
  const child = spawn(process.execPath, [weft, '--end-with-stdin', '--socket', socket, 'status'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const [connection] = (await once(deaf, 'connection')) as [{ destroy(): void }];
  child.stdin.end();
  const [, signal] = (await once(child, 'close')) as [number | null, string];
  t.is(signal, 'SIGINT');
  connection.destroy();
});

for (const [args, message] of [
  [['lab', 'up'], /weft lab is about the machine on which it runs/],
  [['report'], /its pod would have it/],
  [['capture', '-w', 'a', '--rotate', '1M'], /--rotate writes files where weft runs/],
  [['--colour', 'red', 'status'], /unknown option/],
  [['explain', 'a', 'b', '--size', 'big'], /big/],
  [[], /Usage: kubectl weft/],
] as const) {
  test(`kubectl weft ${args.join(' ')} is refused as it is`, async (t) => {
    const double = doubleFor(t);
    const { exitCode, stderr } = await run(double, args);
    t.is(exitCode, 2);
    t.regex(stderr, message);
    t.deepEqual(double.calls, []);
  });
}

test('where kubectl is missing, that is said, and the exit code is 1', async (t) => {
  const { exitCode, stderr } = await run(doubleFor(t), ['status'], '/nowhere');
  t.deepEqual([exitCode, stderr.split(':', 3).slice(0, 2).join(':')], [1, 'weft: cannot list the pods of weft']);
});
