/** A million datagrams that make little sense, to the VXLAN port and to the gossip port of a node. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Status } from '../../src/api/control-api.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const sender = fileURLToPath(new URL('../support/hostile-sender.ts', import.meta.url));

/** How many looks in a row find nothing new when nothing is on its way: a reader may wait for a processor meanwhile. */
const QUIET_LOOKS = 5;

/** Growth of resident memory that is noise: heaps that have not been collected. */
const MAX_GROWTH_BYTES = 40 * 1024 * 1024;

/** Half a minute on a machine that has nothing else to do. */
const ATTACK_DEADLINE_MS = 400_000;

const STRANGER = '198.18.255.254';
const PEER = '198.18.0.2';
const VXLAN = '198.18.0.1:4789';
const GOSSIP = '198.18.0.1:7948';

let lab: TestLab;
let started: Status;

test.before(async (t) => {
  t.log(`SEED=${seed}`);
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  started = await lab.control('n1').status();
});

test.after.always(async () => lab?.down());

/** Sends `count` datagrams of a kind to n1. How many were sent. */
async function attack(
  place: string,
  kind: string,
  from: string,
  to: string,
  count: number,
  victim = '',
  keyFile = '',
): Promise<number> {
  const args = [kind, from, to, `${seed + count}`, `${count}`, victim, keyFile];
  return Number(await lab.exec(place, process.execPath, sender, ...args));
}

test.serial(`every one of a million hostile datagrams to the VXLAN port is counted (SEED=${seed})`, async (t) => {
  t.timeout(ATTACK_DEADLINE_MS);
  const { mac } = started.tun;
  const flood = async (count: number): Promise<string> => {
    const before = await quietAccounts();
    const ping = lab.background('n1-p1', 'ping', '-n', '-i', '0.2', '10.244.2.2');
    const [asStranger, asPeer] = await Promise.all([
      attack('world', 'vxlan', STRANGER, VXLAN, count * 0.3, mac),
      attack('n2', 'vxlan', PEER, VXLAN, count * 0.7, mac),
    ]);
    const { stdout: answersOfPod } = await ping.end('SIGINT');
    const sent = asStranger + asPeer;
    t.true(sent > 0.99 * count, `${sent} of ${count} were sent`);
    let missing = Number.NaN;
    const isCounted = async (): Promise<boolean> => {
      const after = await accounts();
      // What else n1 receives, n2 has sent: the answers to the pings.
      const answers = after.sentByPeer - before.sentByPeer;
      missing = sent + answers - (after.arrived - before.arrived);
      // Of answers that left as one, the kernel counts one when its socket is full. Hostile datagrams are all single.
      return missing === 0 || (after.overflow > before.overflow && missing > 0 && missing < answers);
    };
    await until(`each of ${sent} datagrams is counted`, isCounted).catch(() => t.is(missing, 0));
    return answersOfPod;
  };
  await flood(100_000);
  const warm = residentBytes();
  // Whoever fills the socket of a node takes room from others. They are not shut out.
  t.regex(await flood(900_000), /bytes from 10\.244\.2\.2/);
  t.true(residentBytes() - warm < MAX_GROWTH_BYTES, `${(residentBytes() - warm) / 1024 / 1024} MiB more`);
  await isWell(t);
});

for (const who of ['strangers', 'a member that went mad'] as const) {
  const isMember = who !== 'strangers';
  const keyFile = (): string => (isMember ? lab.files('n1').keyFile : '');

  test.serial(
    `every one of 300 000 hostile datagrams of ${who} to the gossip port is counted (SEED=${seed})`,
    async (t) => {
      t.timeout(ATTACK_DEADLINE_MS);
      const flood = async (count: number): Promise<void> => {
        const before = (await lab.control('n1').status()).gossip;
        const sent = await attack('world', 'gossip', STRANGER, GOSSIP, count, started.identity, keyFile());
        let counted = 0;
        let after = before;
        await until(`each of ${sent} datagrams is counted`, async () => {
          after = (await lab.control('n1').status()).gossip;
          counted = after.datagramsReceived + after.socketOverflow - before.datagramsReceived - before.socketOverflow;
          return counted >= sent;
        });
        // n2 gossips, too.
        t.true(counted - sent < 2_000, `${counted} counted, ${sent} sent`);
        const opened = atDecoders(after.refused) - atDecoders(before.refused);
        const received = after.datagramsReceived - before.datagramsReceived;
        // Some of them make sense; the others were damaged before they were sealed.
        if (isMember) t.true(opened > received / 4, `${opened} of ${received} were opened and refused`);
        else t.is(opened, 0);
      };
      await flood(50_000);
      const warm = residentBytes();
      await flood(250_000);
      t.true(residentBytes() - warm < MAX_GROWTH_BYTES, `${(residentBytes() - warm) / 1024 / 1024} MiB more`);
      await isWell(t);
    },
  );

  test.serial(`every one of 1000 hostile streams of ${who} to the gossip port is refused (SEED=${seed})`, async (t) => {
    const before = (await lab.control('n1').status()).gossip.refused;
    const warm = residentBytes();
    await attack('world', 'streams', STRANGER, GOSSIP, 1_000, '', keyFile());
    let after = before;
    await until('all of them are refused', async () => {
      after = (await lab.control('n1').status()).gossip.refused;
      return sum(after) - sum(before) >= 1_000;
    });
    const opened = atDecoders(after) - atDecoders(before);
    if (isMember) t.true(opened > 900, `${opened} were opened and refused`);
    else t.is(opened, 0);
    t.true(residentBytes() - warm < MAX_GROWTH_BYTES, `${(residentBytes() - warm) / 1024 / 1024} MiB more`);
    await isWell(t);
  });
}

/** What was refused after its seal was opened. An answer that comes too late is one of the others', on a busy machine. */
function atDecoders(refused: Readonly<Record<string, number>>): number {
  const atTheSeal = /^(not-authenticated|address-translated|key-unknown|replayed|stream-|ack-unexpected)/;
  return sum(Object.entries(refused).flatMap(([reason, count]) => (atTheSeal.test(reason) ? [] : [count])));
}

/** Still the same daemon, and pods talk. */
async function isWell(t: ExecutionContext): Promise<void> {
  await until('all pods reach one another', async () => lab.isConnected());
  const { pid, residual } = await lab.control('n1').status();
  t.deepEqual({ pid, residual }, { pid: started.pid, residual: 0 });
}

/** As {@link accounts}, when nothing is on its way from one to the other: nothing has moved for several looks. */
async function quietAccounts(): Promise<Accounts> {
  let last = await accounts();
  let looks = 0;
  await until('nothing is on its way', async () => {
    const previous = last;
    last = await accounts();
    looks = last.arrived === previous.arrived && last.sentByPeer === previous.sentByPeer ? looks + 1 : 0;
    return looks === QUIET_LOOKS;
  });
  return last;
}

interface Accounts {
  /** At the VXLAN socket of n1, whether weft saw it or not. */
  readonly arrived: number;
  /** What weft did not see of that. */
  readonly overflow: number;
  readonly sentByPeer: number;
}

async function accounts(): Promise<Accounts> {
  const [n1, n2] = await Promise.all([lab.control('n1').status(), lab.control('n2').status()]);
  const overflow = sum(n1.workers.map(({ socketOverflow }) => socketOverflow));
  return {
    arrived: sum(n1.workers.map(({ ingress }) => ingress.received)) + overflow,
    overflow,
    sentByPeer: sum(n2.workers.map(({ egress }) => egress.sent)),
  };
}

function residentBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${started.pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

function sum(counts: Readonly<Record<string, number>> | readonly number[]): number {
  return Object.values(counts).reduce((total, one) => total + one, 0);
}
