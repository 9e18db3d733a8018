/** What happened and whether everything is as it should be, on a lab of three nodes with one pod each. */
import test from 'ava';
import type { AuditDifference, AuditReport, HistoryEvent } from '../../src/api/control-api.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Gossip finds a dead node in a cluster this small within eight seconds, on a machine that has the time. */
const GOSSIP_DEADLINE_MS = 75_000;

const nodes = ['n1', 'n2', 'n3'] as const;
type Node = (typeof nodes)[number];

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1', '--set', 'audit.watch=off');
});

test.after.always(async () => lab?.down());

/** What `weft audit` on n1 says, and its exit code. */
async function audit(): Promise<{ report: AuditReport; exitCode: number }> {
  const { stdout, exitCode } = await lab.tryAsk('n1', 'audit', '--json');
  return { report: JSON.parse(stdout) as AuditReport, exitCode };
}

async function digestText(node: Node): Promise<string> {
  return (await lab.tryAsk(node, 'routes', '--digest')).succeeded();
}

/** Waits until these nodes print the same digest, and gives it. */
async function untilAgreed(...those: readonly Node[]): Promise<string> {
  let texts: string[] = [];
  await until(
    `${those.join(' and ')} agree`,
    async () => {
      texts = await Promise.all(those.map(digestText));
      return new Set(texts).size === 1;
    },
    GOSSIP_DEADLINE_MS,
  );
  return texts[0]!;
}

/** Events of `node` after the one with this number. */
async function eventsAfter(node: Node, after: number): Promise<HistoryEvent[]> {
  return await lab.control(node).events({ after });
}

async function lastEvent(node: Node): Promise<number> {
  return (await lab.control(node).events()).at(-1)?.number ?? 0;
}

async function untilEvent(node: Node, after: number, kind: string, subject: string): Promise<void> {
  await until(
    `${node} notes ${kind} of ${subject}`,
    async () => (await eventsAfter(node, after)).some((event) => event.kind === kind && event.subject === subject),
    GOSSIP_DEADLINE_MS,
  );
}

test.serial('in a healthy lab nothing differs', async (t) => {
  const { report, exitCode } = await audit();
  t.deepEqual(report.differences, []);
  t.is(exitCode, 0);
  t.true(report.compared.kernel > 6 && report.compared.workers > 6 && report.compared.routes === 6);
});

test.serial('an audit of what is as it should be changes nothing, and a quiet node shows no drop', async (t) => {
  const tableBefore = await lab.exec('n1', 'nft', '-a', 'list', 'tables');
  const monitor = lab.background('n1', 'ip', 'monitor', 'link', 'address', 'route');
  const mark = async (address: string): Promise<void> => {
    await until(`${address} is seen to come`, async () => {
      await lab.exec('n1', 'ip', 'address', 'replace', address, 'dev', 'lo');
      return monitor.stdout.includes(address);
    });
  };
  await mark('192.0.2.1/32');
  await audit();
  await mark('192.0.2.2/32');
  await monitor.end();
  t.notRegex(monitor.stdout, /weft0|\bwf|10\.244|fd00:10/);
  t.is(await lab.exec('n1', 'nft', '-a', 'list', 'tables'), tableBefore);
  await lab.exec('n1', 'ip', 'address', 'flush', 'dev', 'lo', 'to', '192.0.2.0/24');
  for (const node of nodes) {
    const { reasons } = await lab.control(node).drops();
    // While the cluster forms, a node may be probed by one that it does not know yet.
    const dropped = reasons.filter(({ packets, reason }) => packets > 0 && reason !== 'unknown-sender');
    t.deepEqual(dropped, []);
    const shown = (await lab.tryAsk(node, 'drops')).succeeded();
    t.regex(shown, /^nothing was dropped|unknown-sender/);
  }
});

const damages: Readonly<Record<string, { argv: readonly string[]; subject: string; check: readonly string[] }>> = {
  'the route of the cluster': {
    argv: ['ip', 'route', 'delete', '10.244.0.0/16', 'dev', 'weft0'],
    subject: '10.244.0.0/16',
    check: ['ip', 'route', 'show', '10.244.0.0/16', 'dev', 'weft0'],
  },
  'the route to a pod': {
    argv: ['ip', 'route', 'delete', '10.244.1.2'],
    subject: '10.244.1.2',
    check: ['ip', 'route', 'show', '10.244.1.2'],
  },
  'an address of the node': {
    argv: ['ip', 'address', 'delete', 'fd00:10:244:1::1/128', 'dev', 'weft0'],
    subject: 'fd00:10:244:1::1/128',
    check: ['ip', '-6', 'address', 'show', 'to', 'fd00:10:244:1::1/128'],
  },
  "forwarding on a pod's device": {
    argv: ['sh', '-c', 'for device in /proc/sys/net/ipv4/conf/wf*; do echo 0 > $device/forwarding; done'],
    subject: '',
    check: ['sh', '-c', '! grep -q 0 /proc/sys/net/ipv4/conf/wf*/forwarding && echo on'],
  },
  'the rules of masquerading': {
    argv: ['nft', 'flush', 'table', 'inet', 'weft'],
    subject: 'inet weft',
    check: ['sh', '-c', 'nft list table inet weft | grep masquerade'],
  },
};

for (const [what, { argv, subject, check }] of Object.entries(damages)) {
  test.serial(`after somebody deleted ${what} an audit puts that back, and says so`, async (t) => {
    let before = 0;
    let difference: AuditDifference | undefined;
    // The audit of every minute may come first.
    await until('an audit that was asked for finds it', async () => {
      before = await lastEvent('n1');
      await lab.exec('n1', ...argv);
      const { report, exitCode } = await audit();
      t.is(exitCode, 0);
      difference = report.differences.find((one) => subject === '' || one.subject === subject);
      return difference !== undefined;
    });
    t.like(difference, { table: 'kernel', repaired: true });
    t.not((await lab.exec('n1', ...check)).trim(), '');
    const events = await eventsAfter('n1', before);
    t.true(events.some((event) => event.kind === 'audit-repaired' && event.message === difference?.message));
    t.deepEqual((await audit()).report.differences, []);
  });
}

test.serial('a route of somebody else in the way is named, left alone, and an audit fails for it', async (t) => {
  await lab.exec('n1', 'ip', 'route', 'add', '10.244.77.0/24', 'dev', 'eth0');
  const { report, exitCode } = await audit();
  t.like(report.differences[0], { problem: 'foreign', subject: '10.244.77.0/24', repaired: false });
  t.is(exitCode, 1);
  t.not((await lab.exec('n1', 'ip', 'route', 'show', '10.244.77.0/24')).trim(), '');
  t.is((await lab.control('n1').status()).audit.remaining, 1);
  await lab.exec('n1', 'ip', 'route', 'delete', '10.244.77.0/24');
  t.is((await audit()).exitCode, 0);
});

test.serial(
  'a node that is killed is suspect, dead, and its routes go, in this order; those who are left agree',
  async (t) => {
    const whole = await untilAgreed(...nodes);
    const before = await lastEvent('n1');
    const { identity } = await lab.control('n3').status();
    const watch = lab.background('n2', ...watching('n2'));
    await until('the watch has begun', () => watch.stdout.includes('member-joined'), GOSSIP_DEADLINE_MS);

    await lab.lab('kill', 'n3');
    await untilEvent('n1', before, 'route-removed', 'fd00:10:244:3::/64');
    // On a machine that is busy others may be suspect for a moment, and so may this one before it is killed.
    const subjects = ['n3', '10.244.3.0/24', 'fd00:10:244:3::/64'];
    const events = (await eventsAfter('n1', before)).filter(
      ({ kind, subject }) => /^(member|route)-/.test(kind) && subjects.includes(subject),
    );
    t.deepEqual(
      events.slice(-4).map(({ kind, subject }) => `${kind} ${subject}`),
      ['member-suspect n3', 'member-dead n3', 'route-removed 10.244.3.0/24', 'route-removed fd00:10:244:3::/64'],
    );
    const removed = events.find(({ kind }) => kind === 'route-removed')!;
    t.is(removed.details['origin'], identity);
    t.true(Number(removed.details['version']) >= 1);
    await until('the watch shows it', async () => /member-dead +n3 is dead/.test(watch.stdout), GOSSIP_DEADLINE_MS);
    await watch.end();
    t.not(await untilAgreed('n1', 'n2'), whole);
  },
);

test.serial('only a dead node can be forgotten; then nobody knows it, and it may come back', async (t) => {
  await until(
    'n2 is alive to n1',
    async () => (await lab.control('n1').peers()).some(({ name, state }) => name === 'n2' && state === 'alive'),
    GOSSIP_DEADLINE_MS,
  );
  const refusal = await lab.tryAsk('n1', 'peer', 'forget', 'n2');
  t.is(refusal.exitCode, 1);
  t.regex(refusal.stderr, /n2.*alive/);
  const [before1, before2] = [await lastEvent('n1'), await lastEvent('n2')];
  t.regex((await lab.tryAsk('n1', 'peer', 'forget', 'n3')).succeeded(), /^n3 \(.*is forgotten/);
  await untilEvent('n1', before1, 'member-forgotten', 'n3');
  await untilEvent('n2', before2, 'member-forgotten', 'n3');
  for (const node of ['n1', 'n2'] as const) {
    t.false((await lab.control(node).peers()).some(({ name }) => name === 'n3'));
  }
  t.is((await lab.tryAsk('n1', 'peer', 'forget', 'n3')).exitCode, 1);

  await lab.lab('start', 'n3');
  await untilEvent('n2', before2, 'member-joined', 'n3');
  await until(
    'all agree on it and its routes',
    async () => /^n3 +alive +\d+ +2 /m.test(await untilAgreed(...nodes)),
    GOSSIP_DEADLINE_MS,
  );
  await until('all pods reach each other', async () => lab.isConnected(), GOSSIP_DEADLINE_MS);
});

test.serial('the time from announcement to use is measured', async (t) => {
  const text = await lab.control('n1').metrics();
  t.true(Number(/^weft_announcement_to_use_seconds_count (\d+)$/m.exec(text)?.[1]) > 0);
});

/** `weft events --watch` on a node, as arguments of a process. */
function watching(node: Node): string[] {
  return [...weft, '--socket', lab.files(node).socket, 'events', '--watch', '--kind', 'member'];
}
