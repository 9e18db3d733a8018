import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ControlServer } from '../../src/daemon/control/control-server.ts';
import { parseExplainQuery } from '../../src/daemon/explain/explain-request.ts';
import { parsePingRequest } from '../../src/daemon/probes/ping.ts';
import { parseTraceRequest } from '../../src/daemon/probes/tracer.ts';
import { fixedHandlers, fixedKeys, fixedPeers, fixedPod, fixedRoutes, fixedStatus } from '../support/fixed-handlers.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const directory = mkdtempSync(join(tmpdir(), 'weft-cli-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const most = (): number => 8;

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command line in a process of its own, without the WEFT_ variables of this one. */
async function weft(argv: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_'));
  const options = { env: { ...Object.fromEntries(inherited), ...env } };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...argv], options, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
    });
    child.stdin?.end();
  });
}

let sockets = 0;

async function daemon(t: ExecutionContext, readOnly = false) {
  const { handlers, seen } = fixedHandlers();
  const socketPath = join(directory, `${sockets++}.sock`);
  const server = await ControlServer.open({ socketPath, readOnly, handlers, most });
  t.teardown(async () => await server.close());
  return { socketPath, seen };
}

const reads: readonly (readonly [string, unknown, RegExp])[] = [
  ['status', fixedStatus, /^node {6}n1 /],
  ['peers', fixedPeers, /^NAME /],
  ['routes', fixedRoutes, /^PREFIX /],
  ['pod list', [fixedPod], /^NAME /],
  ['key list', fixedKeys, /^ID /],
];

for (const [command, value, text] of reads) {
  test(`weft ${command} --json is what the API gives, and as text a table`, async (t) => {
    const { socketPath } = await daemon(t, true);
    const argv = ['--socket', socketPath, ...command.split(' ')];
    const [json, table] = await Promise.all([weft([...argv, '--json']), weft(argv)]);
    t.deepEqual(JSON.parse(json.stdout), value);
    t.regex(table.stdout, text);
    t.deepEqual([json.exitCode, table.exitCode], [0, 0]);
    t.is(json.stderr + table.stderr, '');
  });
}

test('weft version needs no daemon', async (t) => {
  const [text, json] = await Promise.all([weft(['version']), weft(['version', '--json'])]);
  t.regex(text.stdout, /^weft \d+\.\d+\.\d+ \(node \d+\.\d+\.\d+\)\n$/);
  t.deepEqual(Object.keys(JSON.parse(json.stdout) as object), ['version', 'node']);
});

test('no daemon: it is said where the socket was looked for, and what to do', async (t) => {
  const { exitCode, stderr, stdout } = await weft(['--socket', '/nowhere/weft.sock', 'status']);
  t.is(
    stderr,
    'weft: no daemon at /nowhere/weft.sock (from --socket): there is no such socket\n' +
      '(weft doctor says what to do about it; in a lab: weft lab exec n1 -- weft ...)\n',
  );
  t.is(stdout, '');
  t.is(exitCode, 1);
});

test('WEFT_SOCKET names the socket, and --socket is stronger', async (t) => {
  const { socketPath } = await daemon(t);
  const env = { WEFT_SOCKET: '/nowhere/variable.sock' };
  const [byVariable, byOption] = await Promise.all([
    weft(['routes'], env),
    weft(['routes', '--socket', socketPath], env),
  ]);
  t.regex(byVariable.stderr, /\/nowhere\/variable\.sock \(from WEFT_SOCKET\)/);
  t.is(byOption.exitCode, 0);
});

test('weft pod add sends what was asked for', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const argv = ['pod', 'add', 'db', '--new', '--ip', '10.244.1.9', 'fd00:10:244:1::9', '--mac', '02:00:00:00:00:01'];
  const { exitCode, stdout } = await weft([...argv, '--socket', socketPath]);
  t.is(exitCode, 0);
  t.is(stdout, 'pod db: 10.244.1.2, fd00:10:244:1::2 in /run/netns/web\n');
  t.deepEqual(seen[0]?.request, {
    newNetns: true,
    addresses: ['10.244.1.9', 'fd00:10:244:1::9'],
    mac: '02:00:00:00:00:01',
  });
});

test('weft pod add takes namespace, labels and interface, and can take all labels', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const argv = ['pod', 'add', 'db', '--new', '--namespace', 'shop', '--interface', 'net1', '--socket', socketPath];
  const labels = ['--label', 'app=db', 'tier=back', '--label', 'a/b='];
  t.is((await weft([...argv, ...labels])).exitCode, 0);
  t.is((await weft([...argv, '--no-label'])).exitCode, 0);
  const request = { newNetns: true, namespace: 'shop', device: 'net1' };
  t.deepEqual(
    seen.map((one) => one.request),
    [
      { ...request, labels: { app: 'db', tier: 'back', 'a/b': '' } },
      { ...request, labels: {} },
    ],
  );
  t.regex((await weft([...argv, '--label', 'app'])).stderr, /--label app: a label is KEY=VALUE/);
});

test('weft pod rm takes the namespace', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const { stdout } = await weft(['pod', 'rm', 'web', '--namespace', 'shop', '--socket', socketPath]);
  t.is(stdout, 'there was no pod shop/web\n');
  t.deepEqual(seen, [{ name: 'web', request: { namespace: 'shop' } }]);
});

test('weft pod add takes several allowed sources, in one option or in several', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const sources = ['--allow-source', '10.244.7.0/24', '--allow-source', '10.244.8.0/24', 'fd00:10:244:7::/64'];
  const { exitCode } = await weft(['pod', 'add', 'gw', '--new', ...sources, '--socket', socketPath]);
  t.is(exitCode, 0);
  t.deepEqual(seen[0]?.request, {
    newNetns: true,
    allowSources: ['10.244.7.0/24', '10.244.8.0/24', 'fd00:10:244:7::/64'],
  });
});

test('weft pod rm says whether there was one, and is fine either way', async (t) => {
  const { socketPath } = await daemon(t);
  const [there, gone] = await Promise.all([
    weft(['--socket', socketPath, 'pod', 'rm', 'web']),
    weft(['--socket', socketPath, 'pod', 'rm', 'other', '--json']),
  ]);
  t.is(there.stdout, 'pod web is removed\n');
  t.deepEqual(JSON.parse(gone.stdout), { removed: false });
  t.deepEqual([there.exitCode, gone.exitCode], [0, 0]);
});

test('weft key generate prints a key, or writes it to a new file of its owner', async (t) => {
  const printed = await weft(['key', 'generate']);
  t.regex(printed.stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  const file = join(directory, 'gossip.key');
  t.deepEqual(await weft(['key', 'generate', file]), { exitCode: 0, stdout: '', stderr: '' });
  t.is(statSync(file).mode & 0o777, 0o600);
  const written = readFileSync(file, 'utf8');
  t.not(written, printed.stdout);
  const again = await weft(['key', 'generate', file]);
  t.is(again.exitCode, 1);
  t.regex(again.stderr, /is there already/);
  t.is(readFileSync(file, 'utf8'), written);
  const nowhere = await weft(['key', 'generate', join(directory, 'missing', 'gossip.key')]);
  t.is(nowhere.exitCode, 2);
  t.regex(nowhere.stderr, /^weft: .* cannot be written: ENOENT.*\n$/);
});

test('weft key add reads the key from a file, never from an argument', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const file = join(directory, 'added.key');
  await weft(['key', 'generate', file]);
  t.regex((await weft(['--socket', socketPath, 'key', 'add', file])).stdout, /^key [0-9a-f]{16} is added/);
  t.is(seen.length, 1);
  const misused = await weft(['--socket', socketPath, 'key', 'add', readFileSync(file, 'utf8').trim()]);
  t.is(misused.exitCode, 2);
  t.is(seen.length, 1);
});

test('weft key use and remove send what was asked for', async (t) => {
  const { socketPath, seen } = await daemon(t);
  const [{ id }] = fixedKeys as [(typeof fixedKeys)[0]];
  t.is((await weft(['--socket', socketPath, 'key', 'use', id])).stdout, `key ${id} is the primary one\n`);
  t.is((await weft(['--socket', socketPath, 'key', 'remove', id, '--force'])).stdout, `key ${id} is removed\n`);
  t.deepEqual(seen, [
    { name: id, request: { force: false } },
    { name: id, request: { force: true } },
  ]);
});

test('an error of the daemon is one line and exit code 1', async (t) => {
  const { socketPath } = await daemon(t);
  const { exitCode, stderr } = await weft(['--socket', socketPath, 'pod', 'add', 'taken', '--new']);
  t.is(stderr, 'weft: 10.244.1.2 is leased to web\n');
  t.is(exitCode, 1);
});

test('the read-only socket refuses a change with exit code 1', async (t) => {
  const { socketPath } = await daemon(t, true);
  const { exitCode, stderr } = await weft(['--socket', socketPath, 'pod', 'rm', 'web']);
  t.regex(stderr, /^weft: this socket is for reading only/);
  t.is(exitCode, 1);
});

const misuse = test.macro<[string, RegExp]>({
  exec: async (t, argv, message) => {
    const { exitCode, stderr, stdout } = await weft(argv === '' ? [] : argv.split(' '));
    t.is(exitCode, 2);
    t.regex(stderr, message);
    t.is(stdout, '');
  },
  title: (_name, argv) => `weft ${argv} is a usage error`,
});

test(misuse, '', /Usage: weft/);
test(misuse, 'frobnicate', /unknown command 'frobnicate'/);
test(misuse, 'statsu', /Did you mean status\?/);
test(misuse, 'status --jsn', /unknown option '--jsn'/);
test(misuse, 'status extra', /too many arguments/);
test(misuse, 'pod', /Usage: weft pod/);
test(misuse, 'pod add', /missing required argument 'name'/);
test(misuse, 'pod add web', /exactly one of --netns, --pid and --new is needed/);
test(misuse, 'pod add web --new --pid 1', /exactly one of --netns, --pid and --new is needed/);
test(misuse, 'pod add web --pid one', /It is not a process id/);
test(misuse, 'lab frobnicate', /unknown command 'frobnicate'/);
test(misuse, 'daemon --config /nowhere/weft.yaml', /^weft: \/nowhere\/weft\.yaml: there is no such file$/m);
test(misuse, 'daemon --vxlan-port many', /^weft: --vxlan-port: vxlan\.port: many is not a whole number$/m);
test(misuse, 'reset --state-dir relative --yes', /^weft: --state-dir: stateDir: relative is not an absolute path$/m);

test('help goes to standard output and is no error', async (t) => {
  for (const argv of [['--help'], ['help', 'pod'], ['pod', 'add', '--help']]) {
    const { exitCode, stdout } = await weft(argv);
    t.is(exitCode, 0);
    t.regex(stdout, /^Usage: weft/);
  }
});

test('help fits 80 columns', async (t) => {
  for (const argv of [['--help'], ['help', 'daemon'], ['key', 'use', '--help'], ['key', 'remove', '--help']]) {
    const { stdout } = await weft(argv);
    t.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    );
  }
});

test('the help of the daemon has a flag for each key', async (t) => {
  const { stdout } = await weft(['help', 'daemon']);
  t.regex(stdout, /--vxlan-port <value> +UDP port of VXLAN; default 4789\s+\(WEFT_VXLAN_PORT\)/);
  t.regex(stdout, /--gossip-seeds <list>/);
});

test('weft reset refuses while a daemon answers', async (t) => {
  const { socketPath } = await daemon(t);
  const { exitCode, stderr } = await weft(['reset', '--yes', '--control-socket', socketPath]);
  t.is(stderr, `weft: a daemon answers on ${socketPath}: stop it first (systemctl stop weft)\n`);
  t.is(exitCode, 1);
});

test('weft reset asks, and where it cannot ask wants --yes', async (t) => {
  const { exitCode, stderr } = await weft(['reset', '--control-socket', join(directory, 'none.sock')]);
  t.regex(stderr, /^weft: this removes all pods, .*: add --yes$/m);
  t.is(exitCode, 2);
});

test('a capture into what cannot be written is refused before anybody is asked for packets', async (t) => {
  const nobody = join(directory, 'nobody.sock');
  const { exitCode, stderr } = await weft(['--socket', nobody, 'capture', '-w', join(directory, 'none', 'x.pcapng')]);
  t.regex(stderr, /cannot write .*x\.pcapng/);
  t.not(exitCode, 0);
});

test('a capture over the socket for reading says what it needs instead, and leaves no file', async (t) => {
  const file = join(directory, 'read-only.pcapng');
  const argv = ['--socket', join(directory, 'weft-ro.sock'), 'capture', '-w', file];
  const { exitCode, stderr } = await weft(argv);
  t.regex(stderr, /weft-ro\.sock never shows what is in packets: captures need weft\.sock, and root/);
  t.not(exitCode, 0);
  t.false(existsSync(file));
});

for (const [argv, problem] of [
  [
    'explain a b --proto tcp --dport 70000',
    "'--dport <port>' argument '70000' is invalid. Not a whole number from 0 to 65535.",
  ],
  ['explain a b --size 16385', "'-s, --size <bytes>' argument '16385' is invalid. Not a whole number from 1 to 16384."],
  ['explain a b --proto icmp --sport 5', "'--sport <port>' needs --proto tcp or udp"],
  ['trace a b --dport 80', "'--dport <port>' needs --proto tcp or udp"],
  ['trace a b --proto tcp --dport 0', 'Not a whole number from 1 to 65535.'],
  ['trace a b -c 32', 'Not a whole number from 1 to 31.'],
  ['ping a -s 63', 'Not a whole number from 64 to 65535.'],
  ['matrix -c 21', 'Not a whole number from 1 to 20.'],
] as const) {
  test(`weft ${argv} is refused in terms of its options, without a daemon`, async (t) => {
    const { exitCode, stderr } = await weft(['--socket', join(directory, 'nobody.sock'), ...argv.split(' ')]);
    t.true(stderr.includes(problem), stderr);
    t.is(exitCode, 2);
  });
}

test('the ranges of options are those of the daemon', (t) => {
  t.is(parseExplainQuery(new URLSearchParams('source=a&destination=b&size=16384')).sizeBytes, 16_384);
  t.throws(() => parseExplainQuery(new URLSearchParams('source=a&destination=b&size=16385')));
  t.is(parsePingRequest('{"target":"a","sizeBytes":65535}').sizeBytes, 65_535);
  t.throws(() => parsePingRequest('{"target":"a","sizeBytes":65536}'));
  t.is(parseTraceRequest('{"source":"a","destination":"b","count":31,"sizeBytes":65535}').count, 31);
  t.throws(() => parseTraceRequest('{"source":"a","destination":"b","count":32}'));
});

test('how far explain looks around is a length of time, in whole seconds', async (t) => {
  const { handlers } = fixedHandlers();
  const socketPath = join(directory, 'explain.sock');
  const lengths: number[] = [];
  const server = await ControlServer.open({
    socketPath,
    readOnly: true,
    most,
    handlers: {
      ...handlers,
      explain: async (request) => {
        lengths.push(request.around!.toMs - request.around!.fromMs);
        return handlers.explain(request);
      },
    },
  });
  t.teardown(async () => await server.close());
  const explain = async (window: string) =>
    weft(['--socket', socketPath, 'explain', 'p1', 'p2', '--around', '2026-01-31T12:00', '--window', window]);
  const [, , broken] = [await explain('5m'), await explain('10'), await explain('1500ms')];
  t.deepEqual(lengths, [600_000, 20_000]);
  t.regex(broken.stderr, /Not whole seconds/);
});
