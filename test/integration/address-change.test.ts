/** Underlay addresses that change, are exchanged, and go away while daemons run, on a lab of three nodes with one pod each. */
import { createHash, randomBytes } from 'node:crypto';
import test from 'ava';
import { changeAddress, NO_ADDRESS } from '../../src/lab/address.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Address changes are noticed within a second and gossiped within another, on a machine that has the time. */
const FOLLOW_DEADLINE_MS = 60_000;

/** TCP tries again ever more rarely: after an outage it may wait as long again. */
const RETRANSMISSION_DEADLINE_MS = 120_000;

const nodes = ['n1', 'n2', 'n3'] as const;
type Node = (typeof nodes)[number];

/** What iperf3 sends, and how fast in bits per second: for 25 s, or however much longer it is cut off. */
const IPERF_BYTES = 50_000_000;
const IPERF_BITRATE = 16_000_000;

/** Data that is given to a transfer at a time. */
const PIECE_BYTES = 8 * 1024 * 1024;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => lab?.down());

/** Where `node` believes each other node to be: `n2 198.18.0.2:4789`. */
async function peersOf(node: Node): Promise<string[]> {
  const peers = await lab.control(node).peers();
  return peers.map(({ name, state, endpoint }) => `${name} ${state} ${endpoint}`);
}

/** Waits until all know all others at `addresses`, and all pods reach each other. */
async function untilFollowed(addresses: Readonly<Record<Node, string>>): Promise<void> {
  for (const node of nodes) {
    const wanted = nodes.filter((other) => other !== node).map((other) => `${other} alive ${addresses[other]}:4789`);
    await until(
      `${node} knows ${wanted.join(', ')}`,
      async () => (await peersOf(node)).join() === wanted.join(),
      FOLLOW_DEADLINE_MS,
    );
  }
  await until('all pods reach each other', async () => lab.isConnected(), FOLLOW_DEADLINE_MS);
}

async function identities(): Promise<string[]> {
  return Promise.all(nodes.map(async (node) => (await lab.control(node).status()).identity));
}

/** Link addresses that the kernel of a node knows, by the IP addresses that it knows them for. */
async function neighboursOf(node: Node): Promise<ReadonlyMap<string, string | undefined>> {
  const text = await lab.exec(node, 'ip', '-json', 'neigh', 'show', 'dev', 'eth0');
  const neighbours = JSON.parse(text) as { readonly dst: string; readonly lladdr?: string }[];
  return new Map(neighbours.map(({ dst, lladdr }) => [dst, lladdr]));
}

async function linkAddressOf(node: Node): Promise<string> {
  const [link] = JSON.parse(await lab.exec(node, 'ip', '-json', 'link', 'show', 'dev', 'eth0')) as [
    { address: string },
  ];
  return link.address;
}

/** Every packet is accounted for, and no notice is left. */
async function untilSettled(): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node} has nothing to complain of`,
      async () => {
        const { residual, notices } = await lab.control(node).status();
        return residual === 0 && notices.every(({ code }) => !code.startsWith('underlay-'));
      },
      FOLLOW_DEADLINE_MS,
    );
  }
}

/** Waits until somebody is connected to a port of n2's pod. */
async function untilConnected(port: number): Promise<void> {
  await until(`somebody is connected to port ${port}`, async () => {
    return (await lab.exec('n2-p1', 'ss', '-Htn', 'state', 'established', `sport = :${port}`)) !== '';
  });
}

/** One TCP connection from n1's pod to n2's, which carries what is written to it. */
class Transfer {
  readonly #sender: Program;
  readonly #receiver: Program;
  readonly #sent = createHash('sha256');

  private constructor(sender: Program, receiver: Program) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async start(port: number): Promise<Transfer> {
    const receive = `socat -u TCP4-LISTEN:${port} STDOUT | sha256sum`;
    const receiver = await lab.serve('n2-p1', port, 'sh', '-c', receive);
    const sender = lab.background('n1-p1', 'socat', '-u', 'STDIN', `TCP:10.244.2.2:${port}`);
    // Before it is connected, a node that is not reached would be the end of it.
    await untilConnected(port);
    return new Transfer(sender, receiver);
  }

  /** Begins to send another piece. */
  send(): void {
    const piece = randomBytes(PIECE_BYTES);
    this.#sent.update(piece);
    this.#sender.child.stdin.write(piece);
  }

  /** Sends the rest, and compares what arrived. */
  async arrivesWhole(): Promise<boolean> {
    this.#sender.child.stdin.end();
    const { exitCode } = await this.#sender.ends(RETRANSMISSION_DEADLINE_MS);
    const { stdout } = await this.#receiver.ends(RETRANSMISSION_DEADLINE_MS);
    return exitCode === 0 && stdout.split(' ')[0] === this.#sent.digest('hex');
  }
}

test.serial('a TCP transfer goes on when the addresses of both its nodes change', async (t) => {
  const before = await identities();
  const transfer = await Transfer.start(7201);
  transfer.send();
  await lab.lab('address', 'n1', '198.18.0.101');
  transfer.send();
  await untilFollowed({ n1: '198.18.0.101', n2: '198.18.0.2', n3: '198.18.0.3' });
  transfer.send();
  await lab.lab('address', 'n2', '198.18.0.102');
  transfer.send();
  await untilFollowed({ n1: '198.18.0.101', n2: '198.18.0.102', n3: '198.18.0.3' });
  transfer.send();
  t.true(await transfer.arrivesWhole());
  t.deepEqual(await identities(), before);
  const { underlay, gossip } = await lab.control('n1').status();
  t.is(underlay.address, '198.18.0.101');
  t.is(gossip.endpoint, '198.18.0.101:7948');
  t.is((await lab.status()).nodes[0]!.endpoint, '198.18.0.101:4789');
  await untilSettled();
});

test.serial('events tell who moved, and where to', async (t) => {
  const own = await lab.control('n1').events({ kind: 'underlay-changed' });
  t.true(own.some(({ message }) => message.includes('198.18.0.101') && message.includes('198.18.0.1')));
  const others = await lab.control('n3').events({ kind: 'member-address-changed' });
  t.true(others.some(({ message }) => message.includes('n1') && message.includes('198.18.0.101')));
});

test.serial('two nodes exchange their addresses under a running iperf3', async (t) => {
  const before = await identities();
  await lab.serve('n2-p1', 5201, 'iperf3', '--server', '--one-off');
  const amount = ['--bytes', `${IPERF_BYTES}`, '--bitrate', `${IPERF_BITRATE}`];
  const client = lab.background('n1-p1', 'iperf3', '--client', '10.244.2.2', ...amount, '--json');
  await untilConnected(5201);
  // Without the time that two more processes would take to start: TCP tries again after as long as it was cut off.
  for (const node of ['n1', 'n2']) await changeAddress(lab.name, node, NO_ADDRESS);
  await changeAddress(lab.name, 'n1', '198.18.0.102');
  await changeAddress(lab.name, 'n2', '198.18.0.101');
  await untilFollowed({ n1: '198.18.0.102', n2: '198.18.0.101', n3: '198.18.0.3' });
  // Else it would send to the wrong one of them, for as long as its kernel believes what it knew.
  await until(
    'n3 has learned which of them has which address',
    async () => {
      const neighbours = await neighboursOf('n3');
      const [first, second] = [await linkAddressOf('n1'), await linkAddressOf('n2')];
      return neighbours.get('198.18.0.102') === first && neighbours.get('198.18.0.101') === second;
    },
    FOLLOW_DEADLINE_MS,
  );
  const { exitCode, stdout } = await client.ends(RETRANSMISSION_DEADLINE_MS);
  t.is(exitCode, 0);
  const report = JSON.parse(stdout) as {
    readonly start: { readonly connected: readonly object[] };
    readonly end: { readonly sum_received: { readonly bytes: number } };
  };
  t.is(report.start.connected.length, 1);
  // The receiver stops counting when the sender has nothing more to give to its kernel.
  t.true(report.end.sum_received.bytes > IPERF_BYTES / 2);
  t.deepEqual(await identities(), before);
  await untilSettled();
});

test.serial('a node whose address goes away until it is dead to all comes back with it', async (t) => {
  const transfer = await Transfer.start(7202);
  transfer.send();
  await lab.lab('address', 'n1', 'none');
  await until(
    'n1 says that its address is lost',
    async () => (await lab.control('n1').status()).notices.some(({ code }) => code === 'underlay-lost'),
    FOLLOW_DEADLINE_MS,
  );
  for (const node of ['n2', 'n3'] as const) {
    await until(
      `n1 is dead to ${node}`,
      async () => (await peersOf(node)).some((peer) => peer.startsWith('n1 dead')),
      FOLLOW_DEADLINE_MS,
    );
  }
  await until('those that are left reach each other', async () => lab.reaches('n2-p1', '10.244.3.2'));
  transfer.send();
  await lab.lab('address', 'n1', '198.18.0.102');
  await untilFollowed({ n1: '198.18.0.102', n2: '198.18.0.101', n3: '198.18.0.3' });
  t.true(await transfer.arrivesWhole());
  await untilSettled();
});

test.serial('a device that is down has no address, and comes back', async (t) => {
  await lab.exec('n3', 'ip', 'link', 'set', 'eth0', 'down');
  await until(
    'n3 says that its address is lost',
    async () => (await lab.control('n3').status()).notices.some(({ code }) => code === 'underlay-lost'),
    FOLLOW_DEADLINE_MS,
  );
  await lab.exec('n3', 'ip', 'link', 'set', 'eth0', 'up');
  await untilFollowed({ n1: '198.18.0.102', n2: '198.18.0.101', n3: '198.18.0.3' });
  await untilSettled();
  t.pass();
});

test.serial('an address that somebody else holds is taken as soon as it is free', async (t) => {
  // Without it, the kernel takes all addresses of a prefix away with the first of them.
  await lab.exec('n3', 'sysctl', '-qw', 'net.ipv4.conf.eth0.promote_secondaries=1');
  await lab.exec('n3', 'ip', 'address', 'add', '198.18.0.103/16', 'dev', 'eth0');
  const squatter = lab.background('n3', 'socat', '-u', 'UDP4-RECV:4789,bind=198.18.0.103', 'STDOUT');
  await until(
    'the port is taken',
    async () => (await lab.exec('n3', 'ss', '-Hlun', 'src', '198.18.0.103:4789')) !== '',
  );
  await lab.exec('n3', 'ip', 'address', 'delete', '198.18.0.3/16', 'dev', 'eth0');
  await until(
    'n3 names who holds the port',
    async () => (await lab.control('n3').status()).notices.some(({ message }) => message.includes('socat')),
    FOLLOW_DEADLINE_MS,
  );
  await squatter.end('SIGKILL');
  await untilFollowed({ n1: '198.18.0.102', n2: '198.18.0.101', n3: '198.18.0.103' });
  await untilSettled();
  t.pass();
});

test.serial('nodes that were killed come back at other addresses, one of them at that of the other', async (t) => {
  const before = await identities();
  await Promise.all([lab.lab('kill', 'n1'), lab.lab('kill', 'n2')]);
  await changeAddress(lab.name, 'n1', '198.18.0.101', { force: true });
  await changeAddress(lab.name, 'n2', '198.18.0.104');
  await Promise.all([lab.lab('start', 'n1'), lab.lab('start', 'n2')]);
  await untilFollowed({ n1: '198.18.0.101', n2: '198.18.0.104', n3: '198.18.0.103' });
  t.deepEqual(await identities(), before);
  await untilSettled();
});
