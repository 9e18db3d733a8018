/** Daemons that end, die and come back while pods go on, on a lab of two nodes with two pods each. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Program, ProgramResult } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const remotePod = { 4: '10.244.2.2', 6: 'fd00:10:244:2::2' } as const;
const families = [4, 6] as const;

/** TCP tries again ever more rarely: after an outage it may wait as long again, and a busy machine makes outages long. */
const RETRANSMISSION_DEADLINE_MS = 120_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2');
  // Whatever comes out of the overlay at a node's default gateway has leaked.
  await lab.exec(
    'world',
    'nft',
    [
      'table inet leak {',
      'counter leaked {}',
      'chain arriving {',
      'type filter hook prerouting priority raw;',
      'ip daddr 10.244.0.0/16 counter name leaked',
      'ip6 daddr fd00:10:244::/48 counter name leaked',
      '}',
      '}',
    ].join('\n'),
  );
});

test.after.always(async () => lab?.down());

async function leakedPackets(): Promise<number> {
  const text = await lab.exec('world', 'nft', 'list', 'counter', 'inet', 'leak', 'leaked');
  return Number(/packets (\d+) bytes/.exec(text)![1]);
}

/** What has to stay the same in the kernel while no daemon runs. The kernel marks what leads to a device nobody reads, and counts. */
async function kernelState(node: string): Promise<string> {
  const [addresses, ...routes] = await Promise.all([
    lab.exec(node, 'ip', '-br', 'address'),
    lab.exec(node, 'ip', '-4', 'route', 'show', 'proto', '87'),
    lab.exec(node, 'ip', '-6', 'route', 'show', 'proto', '87'),
    lab.exec(node, 'nft', 'list', 'table', 'inet', 'weft'),
  ]);
  const words = [addresses.replaceAll(/ (UNKNOWN|UP|DOWN) /g, ' '), ...routes]
    .join('\n')
    .replaceAll(/ linkdown\b/g, '')
    .replaceAll(/packets \d+ bytes \d+/g, 'counted');
  return words.replaceAll(/[^\S\n]+/g, ' ');
}

/** A TCP connection between two pods: lines go there, and come back. */
async function openConversation(): Promise<Program> {
  await lab.serve('n2-p1', 7100, 'socat', 'TCP6-LISTEN:7100,reuseaddr', 'EXEC:cat');
  return lab.background('n1-p1', 'socat', 'STDIO', `TCP:${remotePod[4]}:7100`);
}

async function comesBack(conversation: Program, line: string): Promise<void> {
  conversation.child.stdin.write(`${line}\n`);
  await until(
    `the line "${line}" comes back`,
    async () => Promise.resolve(conversation.stdout.endsWith(`${line}\n`)),
    RETRANSMISSION_DEADLINE_MS,
  );
}

test.serial('TCP connections survive an orderly restart of the daemon and a kill -9', async (t) => {
  await lab.serve('n2-p2', 5201, 'iperf3', '--server', '--one-off');
  const iperf = lab.background('n1-p2', 'iperf3', '-c', '10.244.2.3', '-t', '600', '-b', '100M');
  const conversation = await openConversation();
  await comesBack(conversation, 'before');
  await untilMoreArrives();
  // The sets of the rules follow gossip within a second or so.
  await until('the rules of n1 know n2', async () => (await kernelState('n1')).includes('{ 198.18.0.1, 198.18.0.2 }'));
  const before = await kernelState('n1');

  for (const verb of ['stop', 'kill']) {
    await lab.lab(verb, 'n1');
    conversation.child.stdin.write(`while n1 is down after ${verb}\n`);
    t.is(await kernelState('n1'), before);
    await lab.lab('start', 'n1');
    await comesBack(conversation, `after ${verb} and start`);
    await untilMoreArrives();
    await until('all is as before', async () => (await kernelState('n1')) === before).catch(() => undefined);
    t.is(await kernelState('n1'), before);
  }
  t.is(iperf.child.exitCode, null);
  await iperf.end();
  t.deepEqual(conversation.stdout.trim().split('\n'), [
    'before',
    'while n1 is down after stop',
    'after stop and start',
    'while n1 is down after kill',
    'after kill and start',
  ]);
});

test.serial('a daemon that stands by takes over when the one before it ends, or is killed', async (t) => {
  await lab.lab('stop', 'n1');
  const pid = async (): Promise<number | undefined> => (await lab.control('n1').status()).pid;
  const readyFile = (name: string) => join(lab.files('n1').stateDir, '..', name);
  const flagsOf = (name: string) => ['--standby', 'on', '--ready-file', readyFile(name)];
  // A daemon forwards before it says that it serves, so that pods that are connected are no sign of the file.
  const untilServing = async (name: string) =>
    until(`${name} serves`, async () =>
      Promise.resolve(existsSync(readyFile(name)) && readFileSync(readyFile(name), 'utf8') === 'serving\n'),
    );
  const daemons = [lab.daemon('n1', ...flagsOf('ready-0'))];
  await untilServing('ready-0');
  await until('pods are connected', async () => lab.isConnected());
  for (const [before, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
    const name = `ready-${before + 1}`;
    daemons.push(lab.daemon('n1', ...flagsOf(name)));
    await until(`${name} stands by`, async () => Promise.resolve(existsSync(readyFile(name))));
    t.is(readFileSync(readyFile(name), 'utf8'), 'standby\n');
    t.is(await pid(), daemons[before]!.child.pid);

    daemons[before]!.child.kill(signal);
    await until('the next one answers', async () => (await pid().catch(() => 0)) === daemons[before + 1]!.child.pid);
    await untilServing(name);
    t.is(existsSync(readyFile(`ready-${before}`)), signal === 'SIGKILL');
    await until('pods are connected', async () => lab.isConnected());
  }
  const last = daemons.at(-1)!;
  t.is((await last.end()).exitCode, 0);
  await lab.lab('start', 'n1');
  await until('pods are connected', async () => lab.isConnected());
});

/** Waits until the connections of iperf3, which are the same all the time, have got more than they had. */
async function untilMoreArrives(): Promise<void> {
  const arrived = await iperfBytes();
  await until('more arrives at iperf3', async () => (await iperfBytes()) > arrived, RETRANSMISSION_DEADLINE_MS);
}

async function iperfBytes(): Promise<number> {
  const sockets = await lab.exec('n2-p2', 'ss', '-Htin', 'state', 'established', 'sport = :5201');
  return [...sockets.matchAll(/bytes_received:(\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

test.serial(
  'without a daemon pods keep what needs none, and nothing of the overlay leaks to the default route',
  async (t) => {
    await lab.lab('kill', 'n1');
    t.true(await lab.reaches('n1-p1', '10.244.1.3'));
    t.true(await lab.reaches('n1-p1', 'fd00:10:244:1::1'));
    t.true(await lab.reaches('n1-p1', '198.19.255.1'));
    for (const family of families) t.false(await lab.reaches('n1-p1', remotePod[family], 1));
    t.is(await leakedPackets(), 0);
    await lab.lab('start', 'n1');
    await until('pods are connected', async () => lab.isConnected());
  },
);

test.serial(
  'a daemon whose device is taken away makes it again, nothing leaks, and nobody hears that it leaves',
  async (t) => {
    const { pid } = await lab.control('n1').status();
    const before = (await lab.control('n2').events({ kind: 'member-left,member-dead' })).length;
    await lab.exec('n1', 'ip', 'link', 'delete', 'weft0');
    await until('pods are connected', async () => lab.isConnected());
    t.is((await lab.control('n1').status()).pid, pid);
    t.is(await leakedPackets(), 0);
    t.is((await lab.control('n2').events({ kind: 'member-left,member-dead' })).length, before);
  },
);

test.serial('a counter at the gateway does see what leaks', async (t) => {
  await lab.exec('n1', 'ip', 'route', 'add', '10.244.77.0/24', 'via', '198.18.255.254');
  await lab.reaches('n1-p1', '10.244.77.1', 1);
  await lab.exec('n1', 'ip', 'route', 'delete', '10.244.77.0/24');
  await until('it is counted', async () => (await leakedPackets()) > 0);
  t.pass();
});

/** It takes a tenth of a second, on a machine that has the time. What waits for something else to end waits longer than this. */
const MAX_END_MS = 8_000;

test.serial('a daemon that is asked to end does so within seconds and with 0', async (t) => {
  await lab.lab('stop', 'n1');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const daemon = lab.daemon('n1');
    await lab.answers('n1');
    const began = performance.now();
    const { exitCode } = await daemon.end(signal);
    t.is(exitCode, 0);
    t.true(performance.now() - began < MAX_END_MS);
  }
});

const portTaken = test.macro({
  exec: async (t, address: string, port: number, purpose: string) => {
    await lab.lab('stop', 'n1');
    const holder = await lab.serve('n1', port, 'socat', '-u', `${address},bind=198.18.0.1,reuseaddr`, 'STDOUT');
    try {
      const { exitCode, stderr } = await lab.daemon('n1').ends();
      t.is(exitCode, 1, stderr);
      const endpoint = `${address.slice(0, 3)} port 198.18.0.1:${port}`;
      const expected = `weft: cannot ${purpose}: ${endpoint} is held by socat (pid ${holder.child.pid})\n`;
      t.true(stderr.endsWith(expected), stderr);
    } finally {
      await holder.end();
    }
  },
  title: (name) => `a daemon that finds ${name} taken says by whom`,
});

test.serial('the VXLAN port', portTaken, 'UDP-RECV:4789', 4789, 'receive VXLAN');
test.serial('the gossip port', portTaken, 'UDP-RECV:7948', 7948, 'listen for gossip');
test.serial('the gossip port for exchanges', portTaken, 'TCP-LISTEN:7948,fork', 7948, 'listen for gossip');

const secondDaemon = test.macro({
  exec: async (t, expected: RegExp, ...flags: string[]) => {
    if (!(await lab.control('n1').isAnswering())) await lab.lab('start', 'n1');
    const { exitCode, stderr } = await lab.daemon('n1', ...flags).ends();
    t.is(exitCode, 1, stderr);
    t.regex(stderr, expected);
    await until('pods are connected', async () => lab.isConnected());
  },
  title: (name) => `a second daemon on one node, with ${name}, says what is taken, and the first goes on`,
});

test.serial('the same sockets', secondDaemon, /^weft: another daemon listens on .*weft\.sock/m);
test.serial(
  'sockets of its own',
  secondDaemon,
  /^weft: another process is attached to the TUN device weft0: is another daemon running\?$/m,
  `--control-socket=/run/weft-second-${process.pid}.sock`,
  `--control-read-only-socket=/run/weft-second-${process.pid}-ro.sock`,
);

/** `weft reset` on a node, which finds the daemon by its configuration, or not at all. */
async function reset(node: string, ...flags: readonly string[]): Promise<ProgramResult> {
  return await lab.tryExec(node, ...weft, 'reset', '--yes', ...flags);
}

test.serial('a reset is refused while the daemon runs, whatever is known of its socket', async (t) => {
  const { config } = lab.files('n2');
  for (const flags of [
    ['--config', config],
    ['--config', config, '--control-socket', '/run/nobody.sock'],
  ]) {
    const { exitCode, stderr } = await reset('n2', ...flags);
    t.is(exitCode, 1);
    t.regex(stderr, /stop (it|the daemon) first/);
  }
  await until('pods are connected', async () => lab.isConnected());
});

test.serial(
  'a reset removes everything of weft and nothing else, without a daemon, and the next start works',
  async (t) => {
    await lab.lab('stop', 'n2');
    const foreign = [
      'link add wf01234567 type veth peer name other0',
      'link set wf01234567 alias weft-is-not-mine up',
      'link set other0 up',
      'address add 192.0.2.1/24 dev other0',
      'route add 203.0.113.0/24 via 192.0.2.2 proto 88',
      'route add 10.244.99.0/24 via 192.0.2.2',
    ];
    for (const line of foreign) await lab.exec('n2', 'ip', ...line.split(' '));
    await lab.exec('n2', 'nft', 'add', 'table', 'inet', 'other');
    const files = lab.files('n2');

    (await reset('n2', '--config', files.config)).succeeded();

    const links = JSON.parse(await lab.exec('n2', 'ip', '-json', 'link')) as { ifname: string }[];
    t.deepEqual(links.map(({ ifname }) => ifname).sort(), ['eth0', 'lo', 'other0', 'wf01234567']);
    t.is(await lab.exec('n2', 'ip', '-4', 'route', 'show', 'table', 'all', 'proto', '87'), '');
    t.is(await lab.exec('n2', 'ip', '-6', 'route', 'show', 'table', 'all', 'proto', '87'), '');
    t.deepEqual((await lab.exec('n2', 'ip', 'route')).match(/^\S+ via 192\.0\.2\.2/gm)?.sort(), [
      '10.244.99.0/24 via 192.0.2.2',
      '203.0.113.0/24 via 192.0.2.2',
    ]);
    t.is((await lab.exec('n2', 'nft', 'list', 'tables')).trim(), 'table inet other');
    t.false(existsSync(files.stateDir));
    t.false(existsSync(files.socket));
    t.regex((await reset('n2', '--config', files.config)).succeeded(), /nothing to remove/);

    await lab.exec('n2', 'ip', 'link', 'delete', 'other0');
    await lab.lab('start', 'n2');
    for (const pod of ['p1', 'p2']) await lab.control('n2').addPod(pod, { netns: `${lab.name}-n2-${pod}` });
    await until('pods are connected', async () => lab.isConnected());
    t.regex(readFileSync(files.log, 'utf8'), /"msg":"ready"/);
  },
);
