/** `weft capture` on a lab of three nodes with one pod each, read back by tshark and capinfos. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { CaptureLine } from '../../src/cli/capture-lines.ts';
import { captureSocketPath } from '../../src/api/capture-api.ts';
import { decodeCapture } from '../support/capture.ts';
import { runProgram, type Program, type ProgramResult } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
/** Until a way through a relay is found: some rounds of probes. */
const RELAY_DEADLINE_MS = 120_000;
const streamProbe = fileURLToPath(new URL('../support/stream-probe.ts', import.meta.url));

let lab: TestLab;
let directory: string;

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weft-capture-'));
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

function file(name: string): string {
  return join(directory, name);
}

/** Begins `weft capture` at `node`, and waits until it captures. */
async function begin(node: string, ...args: readonly string[]): Promise<Program> {
  const capture = lab.background(node, ...weft, '--socket', lab.files(node).socket, 'capture', ...args);
  await until('the capture has begun', async () => {
    if (capture.child.exitCode !== null) throw new Error(`weft capture ended: ${capture.stderr}`);
    return capture.stderr.includes('capturing on');
  });
  return capture;
}

/** Captures while `traffic` lasts, and ends as after Ctrl-C. */
async function captureOf(
  node: string,
  args: readonly string[],
  traffic: () => Promise<unknown>,
): Promise<ProgramResult> {
  const capture = await begin(node, ...args);
  await traffic();
  const result = await capture.end('SIGINT');
  result.succeeded();
  return result;
}

/** Some MB over TCP, from the pod of n1 to the one of n2. */
async function stream(port: number): Promise<void> {
  const receiver = await lab.serve('n2-p1', port, process.execPath, streamProbe, 'receive', `${port}`);
  const script = `const socket = require('node:net').connect(${port}, '10.244.2.2', () => socket.end(Buffer.alloc(2_000_000)))`;
  await lab.exec('n1-p1', process.execPath, '--input-type=commonjs', '--eval', script);
  (await receiver.ends()).succeeded();
}

/** Lines of `weft capture --json`. */
async function linesOf(
  node: string,
  args: readonly string[],
  traffic: () => Promise<unknown>,
): Promise<readonly CaptureLine[]> {
  const text = (await captureOf(node, ['--json', ...args], traffic)).stdout.trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as CaptureLine);
}

async function ping(from: string, to: string): Promise<void> {
  await lab.exec(from, 'ping', '-n', '-q', '-c', '1', '-W', '10', to);
}

/** From a pod to two others, and from its node. */
async function pings(): Promise<void> {
  await ping('n1-p1', '10.244.2.2');
  await ping('n1-p1', '10.244.3.2');
  await ping('n1', '10.244.2.2');
}

/** Where packets of {@link pings} were captured, and from whom to whom they went. */
async function places(...args: readonly string[]): Promise<string[]> {
  return (await linesOf('n1', args, pings)).map(({ hook, packet }) => `${hook} ${packet.replace(/:.*/, '')}`);
}

/** What `weft capture` on n1 says against it. */
async function refusal(...args: readonly string[]): Promise<string> {
  return (await lab.tryAsk('n1', 'capture', ...args)).stderr;
}

const wayThere = [
  'n1/from-pod',
  'n1/route',
  'n1/encapsulate',
  'n1/to-underlay',
  'n2/from-underlay',
  'n2/decapsulate',
  'n2/to-pod',
];
const wayBack = [
  'n2/from-pod',
  'n2/route',
  'n2/encapsulate',
  'n2/to-underlay',
  'n1/from-underlay',
  'n1/decapsulate',
  'n1/to-pod',
];

test.serial('one packet is seen at every hook of both nodes, in the order of its way, under one id', async (t) => {
  const path = file('echo.pcapng');
  await captureOf('n1', ['--all', '-w', path, 'icmp'], async () => ping('n1-p1', '10.244.2.2'));
  const fields = ['frame.interface_name', 'frame.packet_id', 'frame.comment', 'icmp.type', 'ip.src'] as const;
  const frames = await decodeCapture(path, fields);
  const way = (type: string) =>
    frames.filter((frame) => frame['icmp.type'][0] === type).map((frame) => frame['frame.interface_name'][0]);
  // Clocks of one machine agree, but for what the measurement of their difference is off by: then nothing is corrected.
  t.deepEqual(way('8'), wayThere);
  t.deepEqual(way('0'), wayBack);
  const ids = (type: string) =>
    new Set(frames.filter((frame) => frame['icmp.type'][0] === type).map((frame) => frame['frame.packet_id'][0]));
  t.is(ids('8').size, 1);
  t.is(ids('0').size, 1);
  const comments = Object.fromEntries(
    frames.map((frame) => [
      `${frame['frame.interface_name'][0]} ${frame['icmp.type'][0]}`,
      frame['frame.comment'].join(','),
    ]),
  );
  t.regex(comments['n1/route 8']!, /^weft verdict=forward route=10\.244\.2\.0\/24 origin=n2 version=\d+ peer=n2$/);
  t.regex(comments['n1/to-underlay 8']!, /verdict=sent .*peer=n2/);
  t.regex(comments['n2/to-pod 8']!, /verdict=delivered/);
  const outer = frames.find((frame) => frame['frame.interface_name'][0] === 'n2/from-underlay')!;
  t.deepEqual(outer['ip.src'], ['198.18.0.1', '10.244.1.2']);
});

test.serial('capinfos names an interface per node and hook, with nanoseconds and what was rebuilt', async (t) => {
  const path = file('interfaces.pcapng');
  await captureOf('n1', ['--all', '-w', path], async () => ping('n1-p1', '10.244.2.2'));
  const text = (await runProgram(['capinfos', path])).succeeded();
  for (const node of nodes) {
    for (const hook of ['from-pod', 'route', 'encapsulate', 'relay', 'to-pod', 'drop']) {
      t.true(text.includes(`Name = ${node}/${hook}\n`), `${node}/${hook}`);
    }
  }
  t.true(text.includes('the IP and UDP header around the datagram is rebuilt'));
  t.true(text.includes('Time precision = nanoseconds (9)'));
  t.regex(text, /Description = .*clock \d+\.\d+ ms (ahead|behind), \+-/);
});

test.serial('a stream of TCP is captured as segments of the wire, without one wrong checksum', async (t) => {
  const path = file('stream.pcapng');
  await captureOf('n1', ['--all', '-w', path, 'tcp', 'port', '7777'], async () => stream(7777));
  const sums = ['ip.checksum.status', 'udp.checksum.status', 'tcp.checksum.status'] as const;
  const frames = await decodeCapture(path, [...sums, 'frame.interface_name', 'ip.len', 'frame.comment']);
  t.true(frames.length > 100);
  // 0 is a bad checksum, in tshark's words.
  const bad = frames.filter((frame) => sums.some((sum) => frame[sum].includes('0')));
  t.deepEqual(bad.slice(0, 3), []);
  const inner = frames.filter((frame) => frame['frame.interface_name'][0] === 'n1/from-pod');
  t.true(inner.every((frame) => Number(frame['ip.len'][0]) <= 1450));
  t.true(inner.some((frame) => frame['frame.comment'].join(',').includes('segment=2/')));
  const outer = frames.filter((frame) => frame['frame.interface_name'][0] === 'n1/to-underlay');
  t.true(outer.every((frame) => frame['tcp.checksum.status'][0] === '1' && frame['udp.checksum.status'][0] === '1'));
});

test.serial('what is dropped is shown with the reason, and --drops shows nothing else', async (t) => {
  const lines = await linesOf('n1', ['--drops', 'icmp'], async () => {
    await lab.tryExec('n1-p1', 'ping', '-n', '-q', '-c', '1', '-W', '1', '10.244.77.7');
    await ping('n1-p1', '10.244.2.2');
  });
  t.deepEqual(
    lines.map(({ hook, comment }) => [hook, comment.verdict, comment.reason]),
    [['drop', 'drop', 'no-route']],
  );
  t.regex(lines[0]!.packet, /10\.244\.1\.2 > 10\.244\.77\.7: icmp echo request/);
});

test.serial('hooks, pods, peers, the outer packet and a number of packets choose', async (t) => {
  const [there, back] = ['from-pod 10.244.1.2 > 10.244.3.2', 'from-pod 10.244.3.2 > 10.244.1.2'];
  t.deepEqual(await places('--hook', 'from-pod,to-pod', '--peer', 'n3', 'icmp'), [
    'from-pod 10.244.1.2 > 10.244.3.2',
    'to-pod 10.244.3.2 > 10.244.1.2',
  ]);
  t.deepEqual(await places('--hook', 'route', '--pod', 'p1', 'icmp'), [
    'route 10.244.1.2 > 10.244.2.2',
    'route 10.244.1.2 > 10.244.3.2',
  ]);
  // A pod and a node of the cluster, seen from everywhere: also where they are themselves.
  for (const choice of [
    ['--pod', 'n3/p1'],
    ['--peer', 'n3'],
  ]) {
    t.deepEqual(
      await places('--all', '--hook', 'from-pod,to-pod', ...choice, 'icmp'),
      [there, `to-pod ${there.slice(9)}`, back, `to-pod ${back.slice(9)}`],
      choice.join(' '),
    );
  }
  t.deepEqual(await places('--outer', 'src host 198.18.0.3', 'icmp'), ['from-underlay 10.244.3.2 > 10.244.1.2']);
});

test.serial('it ends after a number of packets, and after a time', async (t) => {
  const counted = await begin('n1', '--json', '--count', '3', 'icmp');
  await ping('n1-p1', '10.244.2.2');
  const { stdout, stderr } = await counted.ends();
  t.is(stdout.trim().split('\n').length, 3);
  t.regex(stderr, /3 packets captured, 0 lost/);
  const timed = await begin('n1', '--node', 'n2', '--for', '200ms');
  t.is((await timed.ends()).exitCode, 0);
});

test.serial('files are rotated by size, and only the last ones stay', async (t) => {
  const path = file('ring.pcapng');
  await captureOf('n1', ['-w', path, '--rotate', '100k,2', 'tcp', 'port', '7778'], async () => stream(7778));
  const kept = Array.from({ length: 400 }, (_, index) => index + 1).filter(
    (number) => statSync(file(`ring.${number}.pcapng`), { throwIfNoEntry: false }) !== undefined,
  );
  t.is(kept.length, 2);
  t.true(kept[0]! > 1);
  const fields = ['frame.interface_name'] as const;
  const [first] = await decodeCapture(file(`ring.${kept[0]}.pcapng`), fields);
  t.regex(first!['frame.interface_name'][0]!, /^n1\//);
  t.true(statSync(file(`ring.${kept[0]}.pcapng`)).size < 250_000);
});

test.serial('captures of a node are logged at both, with who and what', async (t) => {
  await linesOf('n1', ['--node', 'n2', 'icmp', 'or', 'icmp6'], async () => ping('n1-p1', '10.244.2.2'));
  for (const node of ['n1', 'n2'] as const) {
    await until(`${node} noted the end`, async () => {
      const events = await lab.control(node).events({ kind: 'capture' });
      return events.at(-1)?.kind === 'capture-ended';
    });
    const events = await lab.control(node).events({ kind: 'capture' });
    const started = events.filter(({ kind }) => kind === 'capture-started').at(-1)!;
    t.is(started.subject, 'n2');
    t.is(started.details['what'], 'icmp or icmp6');
    t.regex(String(started.details['client']), node === 'n2' ? /^\w+, pid \d+ on n1$/ : /^\w+, pid \d+$/);
  }
});

test.serial('no capture goes over the socket that others may read', async (t) => {
  const { readOnlySocket, socket } = lab.files('n1');
  const refused = await runProgram([...weft, '--socket', readOnlySocket, 'capture', '--for', '1s']);
  t.is(refused.exitCode, 1);
  const post = ['curl', '-s', '-X', 'POST', '-d', '{}', '--unix-socket', readOnlySocket, 'http://weft/v1/captures'];
  t.regex((await runProgram(post)).stdout, /"read-only-socket"|"method-not-allowed"/);
  t.is(statSync(captureSocketPath(socket)).mode & 0o777, 0o600);
});

test.serial('a node that does not allow it is captured at that node alone, and the others all the same', async (t) => {
  await lab.lab('stop', 'n3');
  const daemon = lab.daemon('n3', '--capture-remote', 'off');
  await lab.answers('n3');
  const ask = async (...args: readonly string[]) => lab.tryAsk('n1', 'capture', '--for', '200ms', ...args);
  await until('n1 knows it again', async () => (await ask('--node', 'n3')).stderr.includes('capture.remote'));
  // On a busy machine n2 may be late, and is left out as well.
  let all!: ProgramResult;
  await until('n1 and n2 are captured', async () => (all = await ask('--all')).stderr.includes('capturing on n1, n2;'));
  t.is(all.exitCode, 0, all.stderr);
  t.regex(all.stderr, /without n3: .*n3 lets no other node capture/);
  t.is((await lab.tryAsk('n3', 'capture', '--for', '200ms')).exitCode, 0);
  await daemon.end();
  await lab.lab('start', 'n3');
});

test.serial('what cannot be captured is refused in words', async (t) => {
  t.regex(await refusal('tcp', 'prot', '80'), /filter 'tcp prot 80'/);
  t.regex(await refusal('--pod', 'nobody'), /n1 has no pod nobody: it has p1/);
  t.regex(await refusal('--peer', 'n9'), /n1 has no peer n9/);
  t.regex(await refusal('--node', 'n9'), /n9/);
  t.regex(await refusal('--hook', 'from-pot'), /from-pot is none of from-pod/);
  t.regex(await refusal('--all', '--node', 'n2'), /contradict/);
});

test.serial('eight captures run at a time, a ninth is refused, and all are ended with their clients', async (t) => {
  const running = await Promise.all(Array.from({ length: 8 }, async () => begin('n1', 'host', '192.0.2.1')));
  t.regex((await lab.tryAsk('n1', 'capture')).stderr, /8 captures already/);
  t.is((await lab.control('n1').captures()).length, 8);
  for (const { child } of running) child.kill('SIGKILL');
  await until('all have ended', async () => (await lab.control('n1').captures()).length === 0);
});

test.serial('a device of the kernel is captured by the package cap', async (t) => {
  const path = file('device.pcapng');
  const args = ['--iface', 'eth0', '-w', path, 'udp', 'port', '4789'];
  // What weft has not read yet when it ends is lost, as with tcpdump.
  const isWritten = async (): Promise<boolean> => (await decodeCapture(path, ['ip.src']).catch(() => [])).length >= 2;
  await captureOf('n1', args, async () => {
    await ping('n1-p1', '10.244.2.2');
    await until('both packets are written', isWritten);
  });
  const frames = await decodeCapture(path, ['frame.interface_name', 'ip.src']);
  t.is(frames[0]!['frame.interface_name'][0], 'eth0');
  t.regex((await runProgram(['capinfos', path])).stdout, /time stamps are of when weft read a packet/);
});

test.serial('what goes through a relay is seen there, at the hook of that name, on its way', async (t) => {
  await lab.lab('cut', 'n1', 'n2');
  await until('a relay has taken over', async () => lab.reaches('n1-p1', '10.244.2.2'), RELAY_DEADLINE_MS);
  // Not of n2, which n1 does not reach either.
  const args = ['--node', 'n1,n3', 'icmp[icmptype] == 8'];
  const lines = await linesOf('n1', args, async () => ping('n1-p1', '10.244.2.2'));
  t.deepEqual(
    lines.map(({ node, hook }) => `${node}/${hook}`),
    [...wayThere.slice(0, 4), 'n3/from-underlay', 'n3/relay'],
  );
  t.is(new Set(lines.map(({ id }) => id)).size, 1);
  const sent = lines.find(({ node, hook }) => node === 'n1' && hook === 'to-underlay')!;
  t.like(sent.comment, { verdict: 'sent', peer: 'n2', relay: 'n3' });
  t.like(lines.find(({ hook }) => hook === 'relay')!.comment, { verdict: 'relayed', peer: 'n2' });
  await lab.lab('heal', 'n1', 'n2');
});
