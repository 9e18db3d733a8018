/** The lab itself, through the command line: what comes up, what its verbs do, and that nothing stays behind. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { isRunning } from '../../src/lab/process-identity.ts';
import type { ProcessIdentity } from '../../src/lab/process-identity.ts';
import { identifyProcess } from '../../src/lab/process-identity.ts';
import type { ListedLab } from '../../src/lab/list.ts';
import type { LabMatrix } from '../../src/lab/matrix.ts';
import type { LabStatus } from '../../src/lab/status.ts';
import { namespaceIdentity } from '../../src/linux/namespace-files.ts';
import { until } from '../support/until.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

/** Names that no other run uses at the same time. */
const FIRST = `t${process.pid}a`;
const SECOND = `t${process.pid}b`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function weft(...argv: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...argv], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function lab<Value>(verb: string, name: string, ...argv: readonly string[]): Promise<Value> {
  const { code, stdout, stderr } = await weft('lab', verb, '--name', name, '--json', ...argv);
  if (code !== 0) throw new Error(`lab ${verb}: ${stderr}`);
  return JSON.parse(stdout) as Value;
}

async function inLab(name: string, target: string, ...command: readonly string[]): Promise<Outcome> {
  return weft('lab', 'exec', '--name', name, target, '--', ...command);
}

/** Whether an echo comes back within so many seconds. */
async function reaches(name: string, from: string, address: string, seconds = 5): Promise<boolean> {
  return (await inLab(name, from, 'ping', '-c', '1', '-w', `${seconds}`, address)).code === 0;
}

/** Every pod to every other, once all of them answer. */
async function wholeMatrix(name: string): Promise<LabMatrix> {
  let matrix: LabMatrix | undefined;
  await until('every pod reaches every other', async () => {
    matrix = await lab<LabMatrix>('matrix', name);
    return matrix.lost === 0;
  });
  return matrix!;
}

function namespaces(name: string): string[] {
  return readdirSync('/run/netns').filter((netns) => netns.startsWith(`${name}-`));
}

function daemonsOf(status: LabStatus): ProcessIdentity[] {
  return status.nodes.flatMap(({ pid }) => (pid === null ? [] : (identifyProcess(pid) ?? [])));
}

/** Whether a ping of so many bytes of data gets through in one piece. */
async function fits(from: string, address: string, lengthBytes: number): Promise<boolean> {
  const ping = ['ping', '-c', '1', '-W', '5', '-M', 'do', '-s', `${lengthBytes}`, address];
  return (await inLab(FIRST, from, ...ping)).code === 0;
}

test.before('two labs come up at once', async () => {
  await Promise.all([
    lab('up', FIRST, '--nodes', '3', '--pods', '1', '--underlay-mtu', '1400', '--set', 'recorder.size=2'),
    lab('up', SECOND, '--nodes', '2', '--pods', '1', '--ipv6-underlay', '--plain-underlay'),
  ]);
});

test.after.always('the labs go down', async () => {
  await Promise.all([lab('down', FIRST), lab('down', SECOND)]);
});

test.serial('the status names every node, its daemon, and its pods', async (t) => {
  const { name, nodes, ...rest } = await lab<LabStatus>('status', FIRST);
  t.is(name, FIRST);
  t.deepEqual(rest, {});
  t.deepEqual(
    nodes.map(({ name: node }) => node),
    ['n1', 'n2', 'n3'],
  );
  const { pid, ...second } = nodes[1]!;
  t.true(identifyProcess(pid!) !== undefined);
  t.deepEqual(second, {
    name: 'n2',
    netns: `${FIRST}-n2`,
    endpoint: '198.18.0.2:4789',
    prefixes: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
    socket: `/run/weft-lab/${FIRST}/n2/weft.sock`,
    pods: [{ name: 'p1', netns: `${FIRST}-n2-p1`, addresses: ['10.244.2.2', 'fd00:10:244:2::2'] }],
  });
});

for (const name of [FIRST, SECOND]) {
  const kind = name === FIRST ? 'an IPv4' : 'a plain IPv6';
  test.serial(`over ${kind} underlay every pod reaches every other, IPv4 and IPv6`, async (t) => {
    const { pods, cells } = await wholeMatrix(name);
    t.is(cells.length, pods.length * (pods.length - 1) * 2);
  });
}

test.serial('the MTU of the underlay decides the one of the overlay, down to the pods', async (t) => {
  // VXLAN over IPv4 takes 50 bytes, the header of an echo 28 over IPv4 and 48 over IPv6.
  t.true(await fits('n1-p1', '10.244.2.2', 1350 - 28));
  t.true(await fits('n1-p1', 'fd00:10:244:2::2', 1350 - 48));
  t.false(await fits('n1-p1', '10.244.2.2', 1350 - 27));
});

test.serial('a setting is in the configuration of each node', (t) => {
  for (const node of ['n1', 'n2', 'n3']) {
    t.regex(readFileSync(`/run/weft-lab/${FIRST}/${node}/config.yaml`, 'utf8'), /^recorder:\n {2}size: 2$/m);
  }
});

test.serial('a command in a node finds its daemon, and its exit code comes back', async (t) => {
  const status = await inLab(FIRST, 'n2', process.execPath, MAIN, 'status', '--json');
  t.is((JSON.parse(status.stdout) as { nodeName: string }).nodeName, 'n2');
  t.is((await inLab(FIRST, 'n1-p1', 'sh', '-c', 'exit 7')).code, 7);
  t.is((await inLab(FIRST, 'world', 'sh', '-c', 'kill -TERM $$')).code, 143);
});

test.serial('a command in something that is not there fails and says what is', async (t) => {
  const { code, stderr } = await inLab(FIRST, 'n9', 'true');
  t.is(code, 1);
  t.regex(stderr, /has no n9; it has n1, n1\/p1, n2, .*world, switch/);
});

test.serial(
  'a pod that was added later is a place, has a namespace of its own name, and one without IPv6 loses none',
  async (t) => {
    for (const node of ['n1', 'n2']) {
      const address = `10.244.${node.slice(1)}.77`;
      const add = ['pod', 'add', 'extra', '--new', '--ip', address, '--json'];
      const { stdout } = await inLab(FIRST, node, process.execPath, MAIN, ...add);
      t.like(JSON.parse(stdout), { netns: `/run/netns/${FIRST}-${node}-extra`, addresses: [address] });
    }
    t.true(await reaches(FIRST, 'n1/extra', '10.244.2.77'));
    t.true(await reaches(FIRST, 'n1-extra', '10.244.2.77'));
    const { pods } = await wholeMatrix(FIRST);
    t.true(pods.includes('n2/extra'));
    const status = await inLab(FIRST, 'n2/extra', process.execPath, MAIN, 'status', '--json');
    t.is((JSON.parse(status.stdout) as { nodeName: string }).nodeName, 'n2');
    for (const node of ['n1', 'n2']) {
      await inLab(FIRST, node, process.execPath, MAIN, 'pod', 'rm', 'extra');
      t.false(existsSync(`/run/netns/${FIRST}-${node}-extra`));
    }
  },
);

test.serial('labs are listed, and WEFT_LAB names one', async (t) => {
  const { stdout } = await weft('lab', 'list', '--json');
  const listed = JSON.parse(stdout) as ListedLab[];
  t.deepEqual(
    listed.filter(({ name }) => name === FIRST),
    [{ name: FIRST, nodes: 3, running: 3, namespaces: 8 }],
  );
  const env = { ...process.env, WEFT_LAB: FIRST };
  const { stdout: status } = await promisify(execFile)(process.execPath, [MAIN, 'lab', 'status', '--json'], { env });
  t.is((JSON.parse(status) as LabStatus).name, FIRST);
});

test.serial('a shell says in its prompt where it is', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'lab', 'shell', '--name', FIRST, 'n1/p1'], { stdio: 'pipe' });
  let output = '';
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  child.stdin.end('exit 5\n');
  t.deepEqual(await once(child, 'close'), [5, null]);
  t.true(output.includes(`[lab ${FIRST} n1/p1]`), output);
});

test.serial('the log of a node is shown, whole or its end', async (t) => {
  const { stdout } = await weft('lab', 'logs', '--name', FIRST, 'n1');
  t.true(stdout.includes('ready'));
  t.is((await weft('lab', 'logs', '--name', FIRST, 'n1', '-n', '1')).stdout.trim().split('\n').length, 1);
  t.regex((await weft('lab', 'logs', '--name', FIRST, 'n7')).stderr, /has no node n7; it has n1, n2, n3/);
});

test.serial('an underlay address that is in use is refused', async (t) => {
  for (const address of ['198.18.0.2', '198.18.255.254']) {
    const { code, stderr } = await weft('lab', 'address', '--name', FIRST, 'n1', address);
    t.is(code, 1);
    t.regex(stderr, /is in use: (n2|the world) has it; --force gives it to n1 as well/);
  }
});

test.serial('a cut link is silent, the others are not, and it heals', async (t) => {
  await lab('cut', FIRST, 'n1', 'n2');
  await lab('cut', FIRST, 'n1', 'n2');
  t.false(await reaches(FIRST, 'n1', '198.18.0.2', 1));
  t.false(await reaches(FIRST, 'n2', 'fd00:198:18::1', 1));
  t.true(await reaches(FIRST, 'n1', '198.18.0.3'));
  await lab('heal', FIRST, 'n1', 'n2');
  await lab('heal', FIRST, 'n1', 'n2');
  await until('n1 reaches n2 again', async () => reaches(FIRST, 'n1', '198.18.0.2'));
});

test.serial('a link to the world can be cut', async (t) => {
  t.true(await reaches(FIRST, 'n3', '198.19.255.1'));
  await lab('cut', FIRST, 'n3', 'world');
  t.false(await reaches(FIRST, 'n3', '198.19.255.1', 1));
  await lab('heal', FIRST, 'n3', 'world');
});

test.serial('a killed daemon has no process, keeps its pods, and starts again', async (t) => {
  const before = (await lab<LabStatus>('status', FIRST)).nodes[2]!;
  t.deepEqual(await lab('kill', FIRST, 'n3'), { name: FIRST, node: 'n3', wasRunning: true });
  t.deepEqual(await lab('kill', FIRST, 'n3'), { name: FIRST, node: 'n3', wasRunning: false });
  t.deepEqual((await lab<LabStatus>('status', FIRST)).nodes[2], { ...before, pid: null });
  await lab('start', FIRST, 'n3');
  const after = (await lab<LabStatus>('status', FIRST)).nodes[2]!;
  t.deepEqual({ ...after, pid: before.pid }, before);
  t.not(after.pid, before.pid);
  t.regex((await weft('lab', 'start', '--name', FIRST, 'n3')).stderr, /the daemon of n3 runs already/);
});

test.serial('a lab that exists is not made again', async (t) => {
  const { code, stderr } = await weft('lab', 'up', '--name', FIRST);
  t.is(code, 1);
  t.is(stderr, `weft: lab ${FIRST} exists already, whole or in part; remove it with: weft lab down --name ${FIRST}\n`);
});

test.serial('what is left of a lab after a crash goes down, and the other lab stays', async (t) => {
  const daemons = daemonsOf(await lab<LabStatus>('status', SECOND));
  t.is(daemons.length, 2);
  const guest = spawn('nsenter', [`--net=/run/netns/${SECOND}-n1-p1`, '--', 'sleep', '600']);
  const ended = once(guest, 'exit');
  const inside = namespaceIdentity(`/run/netns/${SECOND}-n1-p1`);
  await until('somebody is in there', () => namespaceIdentity(`/proc/${guest.pid}/ns/net`) === inside);
  rmSync(`/run/weft-lab/${SECOND}/lab.json`);
  rmSync(`/run/weft-lab/${SECOND}/n1`, { recursive: true });

  const { processes, ...report } = await lab<{ processes: number }>('down', SECOND);
  t.deepEqual(report, { name: SECOND, namespaces: 6, files: true });
  // Two daemons, the guest, and programs that the daemons happen to run just then.
  t.true(processes >= 3, `${processes}`);

  await ended;
  t.false(daemons.some(isRunning));
  t.deepEqual(namespaces(SECOND), []);
  t.false(existsSync(`/run/weft-lab/${SECOND}`));
  await wholeMatrix(FIRST);
  t.deepEqual(await lab('down', SECOND), { name: SECOND, namespaces: 0, processes: 0, files: false });
});

test.serial('an interrupted start leaves nothing', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'lab', 'up', '--name', SECOND, '--nodes', '2']);
  child.stderr.on('data', (text: Buffer) => {
    if (text.includes('daemons')) child.kill('SIGTERM');
  });
  t.deepEqual(await once(child, 'close'), [143, null]);
  t.deepEqual(namespaces(SECOND), []);
  t.false(existsSync(`/run/weft-lab/${SECOND}`));
});

const killed = test.macro({
  exec: async (t, step: string) => {
    const name = `${SECOND}-${step.split(' ')[0]}`;
    const child = spawn(process.execPath, [MAIN, 'lab', 'up', '--name', name, '--nodes', '2']);
    child.stderr.on('data', (text: Buffer) => {
      if (text.includes(`: ${step}`)) child.kill('SIGKILL');
    });
    t.deepEqual(await once(child, 'close'), [null, 'SIGKILL']);
    t.true(existsSync(`/run/weft-lab/${name}`));
    rmSync(`/run/weft-lab/${name}/lab.json`);

    await lab('down', name);

    t.deepEqual(namespaces(name), []);
    t.false(existsSync(`/run/weft-lab/${name}`));
    await until('nobody works for it', () => commandsAbout(name).length === 0);
  },
  title: (step) => `a lab that was killed while it made its ${step} goes down without a trace`,
});

/** Command lines of processes that name the lab: its daemons', and those of `ip` and `nsenter`. */
function commandsAbout(name: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes(name) ? [command] : [];
    } catch {
      return [];
    }
  });
}

for (const step of ['underlay', 'daemons', 'pods', 'routes by gossip']) test.serial(step, killed, step);

const refused = test.macro<string[]>({
  exec: async (t, ...argv) => {
    const { code, stderr } = await weft('lab', ...argv);
    t.is(code, 2);
    t.regex(stderr, /^weft: --[a-z-]+: /);
  },
  title: (name) => `${name} is a usage error`,
});

test.serial('a setting that is wrong', refused, 'up', '--name', SECOND, '--set', 'vxlan.port=70000');
test.serial('a name with capitals', refused, 'up', '--name', 'Lab');
test.serial('a name that leads out of the directory', refused, 'down', '--name', '../x');
test.serial('a name that is too long', refused, 'up', '--name', 'a'.repeat(33));
test.serial('an empty name', refused, 'status', '--name', '');
test.serial('a lab without nodes', refused, 'up', '--name', SECOND, '--nodes', '0');
test.serial('an MTU that leaves no room for IPv6', refused, 'up', '--name', SECOND, '--underlay-mtu', '1329');
