/** Names of pods and nodes, asked for by real programs in pods, on a lab of two nodes with two pods each. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { NameOutcome } from '../../src/api/names-api.ts';
import type { AskerReport } from '../support/name-asker.ts';
import type { Program } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const GATEWAY = '169.254.1.1';

/** Where a resolver of the world is: beyond the default gateway of the nodes. */
const RESOLVER = '198.19.255.1';

const asker = fileURLToPath(new URL('../support/name-asker.ts', import.meta.url));

let lab: TestLab;
let directory: string;
/** What the daemon of n1 sees as /etc/resolv.conf. */
let resolverFile: string;
let daemon: Program;

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), `weft-names-${process.pid}-`));
  resolverFile = join(directory, 'resolv.conf');
  writeFileSync(resolverFile, `nameserver ${RESOLVER}\n`);
  lab = await TestLab.up('--nodes', '2', '--pods', '2');
  await serveWorld();
  await lab.lab('stop', 'n1');
  daemon = startWithResolver();
  await lab.answers('n1');
  await until('n1 knows the pods of n2', async () => (await dig('p1.n2.node.weft.internal', 'A')) === '10.244.2.2');
});

test.after.always(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

/** A resolver in the world, with an address, an alias, and a text that takes more than a datagram. */
async function serveWorld(): Promise<void> {
  const text = Array.from({ length: 10 }, (_, at) => `${at}`.repeat(200)).join(',');
  await lab.serve(
    'world',
    53,
    'dnsmasq',
    '--keep-in-foreground',
    '--no-resolv',
    '--no-hosts',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    `--listen-address=${RESOLVER}`,
    '--bind-interfaces',
    '--address=/web.example.net/192.0.2.1',
    '--cname=www.example.com,web.example.net',
    '--host-record=web.example.net,192.0.2.1',
    `--txt-record=long.example.net,${text}`,
    '--local=/example.com/',
    '--local=/example.net/',
  );
}

/** The daemon of n1, with a /etc/resolv.conf of its own. */
function startWithResolver(): Program {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const command = [...weft, 'daemon', '--config', lab.files('n1').config];
  return lab.background('n1', 'unshare', '--mount', 'sh', '-c', script, resolverFile, ...command);
}

/** Asks again where no answer comes, as pods do: on a busy machine the kernel may lose a packet. */
const PATIENCE = ['+tries=4', '+timeout=8'];

/** What dig prints in short, asked in a pod of its node. */
async function dig(...args: readonly string[]): Promise<string> {
  return (await lab.tryExec('n1-p1', 'dig', '+short', ...PATIENCE, `@${GATEWAY}`, ...args)).stdout.trim();
}

/** The address that a name has, be it another name's. It is asked for more often: packets of questions are lost in a flood. */
async function patient(name: string): Promise<string> {
  return (await dig(name, 'A', '+tries=10', '+timeout=3')).split('\n').at(-1)!;
}

/** All that dig says. */
async function digAll(...args: readonly string[]): Promise<string> {
  return (await lab.tryExec('n1-p1', 'dig', ...PATIENCE, `@${GATEWAY}`, ...args)).stdout;
}

async function untilSaid(wanted: RegExp, ...args: readonly string[]): Promise<void> {
  await until(`dig says ${String(wanted)}`, async () => wanted.test(await digAll(...args)));
}

/** A command in a pod, as `weft lab exec` runs it: with names. */
async function inPod(pod: string, ...command: readonly string[]): Promise<string> {
  return (await lab.tryLab('exec', pod, '--', ...command)).stdout.trim();
}

async function counted(outcome: NameOutcome): Promise<number> {
  return (await lab.control('n1').status()).names.questions[outcome];
}

async function noticeCodes(): Promise<string[]> {
  return (await lab.control('n1').status()).notices.map(({ code }) => code);
}

test.serial('dig finds pods and nodes of the cluster, over UDP, TCP and IPv6, and by their addresses', async (t) => {
  t.is(await dig('p2.n1.node.weft.internal', 'A'), '10.244.1.3');
  t.is(await dig('P1.n2.Node.WEFT.internal', 'AAAA'), 'fd00:10:244:2::2');
  t.is(await dig('p1.weft.internal', 'A'), '10.244.1.2');
  t.is(await dig('p2.default.weft.internal', 'A', '+tcp'), '10.244.1.3');
  t.is(await dig('n2.node.weft.internal', 'A', '+noedns'), '10.244.2.1');
  t.is(await dig('-x', '10.244.2.2'), 'p1.default.weft.internal.');
  t.is(await dig('-x', 'fd00:10:244:2::1', '+tcp'), 'n2.node.weft.internal.');
  for (const server of ['fe80::1%eth0', 'fd00:10:244:1::1', '10.244.1.1', '10.244.2.1'])
    t.is(
      (await lab.exec('n1-p1', 'dig', '+short', `@${server}`, 'n2.node.weft.internal', 'AAAA')).trim(),
      'fd00:10:244:2::1',
      server,
    );
  t.is((await lab.exec('n1', 'dig', '+short', '@10.244.1.1', 'n1.node.weft.internal')).trim(), '10.244.1.1');
});

test.serial('dig is told what there is not, and of what kind that is', async (t) => {
  // Nothing is denied before the daemon has heard of all.
  await untilSaid(/status: NXDOMAIN/, 'nix.weft.internal', 'A');
  const absent = await digAll('nix.weft.internal', 'A');
  t.regex(absent, /status: NXDOMAIN/);
  t.regex(absent, /flags: qr aa rd ra;/);
  t.regex(
    absent,
    /^weft\.internal\.\s+5\s+IN\s+SOA\s+n1\.node\.weft\.internal\. hostmaster\.weft\.internal\. \d+ .* 5$/m,
  );
  t.regex(await digAll('p1.weft.internal', 'MX'), /status: NOERROR.*ANSWER: 0, AUTHORITY: 1/s);
  t.regex(await digAll('node.weft.internal', 'A'), /status: NOERROR.*ANSWER: 0, AUTHORITY: 1/s);
  t.regex(await digAll('weft.internal', 'AXFR'), /Transfer failed/);
  t.regex(await digAll('-c', 'CH', 'version.bind', 'TXT'), /status: REFUSED/);
  t.regex(await digAll('+opcode=NOTIFY', 'weft.internal', 'SOA'), /status: NOTIMP/);
  t.regex(await digAll('+edns=1', '+noednsnegotiation', 'p1.weft.internal'), /status: BADVERS/);
  // Never asked of anybody else.
  t.regex(await digAll('-x', '10.244.9.9'), /status: NXDOMAIN.*244\.10\.in-addr\.arpa\.\s+5\s+IN\s+SOA/s);
});

test.serial('programs that know nothing of weft find pods by name', async (t) => {
  const server = "require('node:http').createServer((_, answer) => answer.end('hello')).listen(8080, '::')";
  await lab.serve('n2-p1', 8080, process.execPath, '-e', server);
  t.is(await inPod('n1/p1', 'curl', '-s', 'http://p1.n2:8080'), 'hello');
  t.regex(await inPod('n1/p1', 'getent', 'ahosts', 'p1.n2'), /^10\.244\.2\.2 /m);
  t.regex(await inPod('n1/p1', 'getent', 'ahosts', 'p1.n2'), /^fd00:10:244:2::2 /m);
  t.regex(await inPod('n1/p1', 'getent', 'hosts', '10.244.2.2'), /^10\.244\.2\.2 +p1\.default\.weft\.internal$/);
});

test.serial('commands of weft take the names that DNS answers', async (t) => {
  const [pod, other] = ['p1.weft.internal', 'p1.n2.node.weft.internal'];
  t.regex((await lab.tryAsk('n1', 'explain', pod, other)).stdout, /n1\/p1.*n2\/p1/);
  const ping = ['ping', 'n2.node.weft.internal', '--count', '1'];
  await until('the node answers', async () => (await lab.tryAsk('n1', ...ping)).exitCode === 0);
});

test.serial('a namespace that weft makes asks its node, and its names are gone with it', async (t) => {
  // Not at n1: what a daemon with mounts of its own makes under /run/netns is seen by nobody else.
  const control = lab.control('n2');
  const { netns } = await control.addPod('web', { newNetns: true, namespace: 'shop' });
  const name = netns.replace('/run/netns/', '');
  try {
    const ask = ['ip', 'netns', 'exec', name, 'getent', 'ahosts', 'web.shop.weft.internal'];
    await until('it knows its own name', async () => /^10\.244\.2\./m.test((await lab.tryExec('n2', ...ask)).stdout));
    await until('the other node knows its name', async () => (await dig('web.shop.weft.internal')) !== '');
    t.true(existsSync(`/etc/netns/${name}/resolv.conf`));
  } finally {
    await control.removePod('web', 'shop');
  }
  await until('the name is gone', async () => (await dig('web.shop.weft.internal')) === '');
  await untilSaid(/status: NXDOMAIN/, 'shop.weft.internal');
  t.false(existsSync(`/etc/netns/${name}`));
});

test.serial('other names are asked of the resolver: aliases, long texts, and what is not there', async (t) => {
  t.deepEqual((await dig('www.example.com', 'A')).split('\n'), ['web.example.net.', '192.0.2.1']);
  t.deepEqual((await dig('www.example.com', 'A', '+tcp')).split('\n'), ['web.example.net.', '192.0.2.1']);
  t.regex(await digAll('nix.example.com'), /status: NXDOMAIN/);
  // Cut over UDP; dig asks again over TCP by itself, unless it is told not to.
  t.regex(await digAll('long.example.net', 'TXT', '+ignore', '+bufsize=512'), /flags: qr[a-z ]* tc /);
  t.is((await dig('long.example.net', 'TXT', '+bufsize=512')).length, 10 * 202 + 9);
  await until('they are counted', async () => (await counted('forwarded')) >= 5);
});

test.serial('the resolver is another one from a moment after its file has changed', async (t) => {
  // This node itself, which is never asked, and nobody else.
  writeFileSync(resolverFile, `nameserver 10.244.1.1\nnameserver ${GATEWAY}\n`);
  await until('there is no resolver', async () => (await lab.control('n1').status()).names.resolvers.length === 0);
  await untilSaid(/status: SERVFAIL/, 'www.example.com');
  await until('it is counted', async () => (await counted('no-resolver')) >= 1);
  t.regex((await lab.tryAsk('n1', 'status')).stdout, /no resolver, so that other names fail/);
  t.is(await dig('p1.weft.internal'), '10.244.1.2');
  // The first one is silent: nothing leads there.
  writeFileSync(resolverFile, `nameserver 198.19.255.77\nnameserver ${RESOLVER}\n`);
  await until('there is a resolver', async () => (await lab.control('n1').status()).names.resolvers.length === 2);
  await untilSaid(/192\.0\.2\.1/, 'www.example.com');
  writeFileSync(resolverFile, `nameserver ${RESOLVER}\n`);
  await until('it is the one of before', async () => (await lab.control('n1').status()).names.resolvers.length === 1);
});

test.serial('strangers get no answer: a node is no open resolver', async (t) => {
  await lab.exec('world', 'ip', 'route', 'replace', '10.244.1.0/24', 'via', '198.18.0.1');
  const before = (await lab.control('n1').status()).kernel.refused['names-from-outside'] ?? 0;
  const { stdout } = await lab.tryExec('world', 'dig', '+tries=1', '+timeout=1', '@10.244.1.1', 'www.example.com');
  t.notRegex(stdout, /status:/);
  await until('the kernel counted it', async () => {
    return ((await lab.control('n1').status()).kernel.refused['names-from-outside'] ?? 0) > before;
  });
});

test.serial(
  'a pod that asks without end keeps neither another pod from its answers, nor a node from gossip',
  async (t) => {
    const floods = ['weft.internal', 'example.com'].map((domain) =>
      lab.background('n1-p2', process.execPath, asker, GATEWAY, domain, '--flood'),
    );
    try {
      await until('the flood is counted', async () => {
        const { kernel, names } = await lab.control('n1').status();
        return (kernel.refused['names-flood'] ?? 0) > 10_000 && names.questions['rate-limited'] > 100;
      });
      for (let round = 0; round < 20; round++) {
        t.is(await patient('p1.n2.node.weft.internal'), '10.244.2.2');
        t.is(await patient('web.example.net'), '192.0.2.1');
      }
    } finally {
      for (const flood of floods) {
        const { asked } = JSON.parse((await flood.end()).stdout) as AskerReport;
        t.log(`${asked} questions were sent`);
      }
    }
    t.deepEqual(await lab.control('n2').events({ kind: 'member-suspect,member-dead' }), []);
    t.is((await lab.control('n1').status()).residual, 0);
  },
);

test.serial('while the daemon is started again nobody answers, and then all is as before', async (t) => {
  const probe = lab.background('n1-p1', process.execPath, asker, GATEWAY, 'p1.weft.internal', '5');
  await until('it is answered', async () => (await counted('answered')) > 100);
  await daemon.end();
  daemon = startWithResolver();
  await lab.answers('n1');
  await until('pods of n2 have names again', async () => (await dig('p1.n2.node.weft.internal')) === '10.244.2.2');
  const { answered, longestGapMs } = JSON.parse((await probe.end()).stdout) as AskerReport;
  t.log(`nobody answered for ${Math.round(longestGapMs)} ms`);
  t.true(answered > 0 && longestGapMs > 0);
});

test.serial('another program that has port 53 is named, and when it lets go of it, names are answered', async (t) => {
  await daemon.end();
  const taken = ['--no-resolv', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--port=53', '--no-hosts'];
  const thief = await lab.serve('n1', 53, 'dnsmasq', '--keep-in-foreground', ...taken);
  daemon = startWithResolver();
  await lab.answers('n1');
  await until('it is said', async () => (await noticeCodes()).includes('names-port-taken'));
  const [notice] = (await lab.control('n1').status()).notices.filter(({ code }) => code === 'names-port-taken');
  t.regex(notice!.message, /UDP port 53 of 10\.244\.1\.1 is held by dnsmasq \(pid \d+\)/);
  await until('the doctor says it', async () =>
    /names-port-taken[\s\S]*dnsmasq/.test((await lab.tryAsk('n1', 'doctor')).stdout),
  );
  await thief.end();
  await until('names are answered', async () => (await dig('p1.weft.internal')) === '10.244.1.2');
  await until('nothing is said any more', async () => !(await noticeCodes()).includes('names-port-taken'));
});

test.serial('names that are switched off are not there', async (t) => {
  await lab.lab('stop', 'n2');
  lab.daemon('n2', '--names-enabled', 'off');
  await lab.answers('n2');
  t.false((await lab.control('n2').status()).names.enabled);
  const { stdout } = await lab.tryExec(
    'n2-p1',
    'dig',
    '+tries=1',
    '+timeout=1',
    `@${GATEWAY}`,
    'n1.node.weft.internal',
  );
  t.notRegex(stdout, /status:/);
  t.is(await lab.exec('n2', 'ss', '-Hltun', 'sport = :53'), '');
});
