/** Local users, and machines on the underlay, that open connections and say nothing; and machines where something runs out. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Diagnosis } from '../../src/doctor/finding.ts';
import { WeftError } from '../../src/errors.ts';
import type { Program } from '../support/program.ts';
import { TaskGroup } from '../support/task-group.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const holder = fileURLToPath(new URL('../support/connection-holder.ts', import.meta.url));

/** Of the daemon that is attacked: its own needs are some 60. */
const DESCRIPTORS = 256;
/** For what takes a moment, on a machine that has the time. */
const DEADLINE_MS = 60_000;
/** Connections that are opened at each door. */
const ATTACKERS = 300;
const METRICS = '127.0.0.1:9748';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
});

test.after.always(async () => lab?.down());

function pidOf(node: string): number {
  return (JSON.parse(readFileSync(lab.files(node).process, 'utf8')) as { pid: number }).pid;
}

/** Samples of the metrics of n1, as Prometheus would read them. */
async function metrics(): Promise<Map<string, number>> {
  const text = await lab.exec('n1', 'curl', '--silent', '--fail', '--max-time', '30', `http://${METRICS}/metrics`);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

async function open(): Promise<number> {
  return (await metrics()).get('weft_open_descriptors')!;
}

async function datagramsSent(): Promise<number> {
  return (await lab.control('n1').status()).gossip.statistics.datagramsSent;
}

test.serial('connections that are held at every door do not end a daemon with few descriptors', async (t) => {
  t.timeout(4 * DEADLINE_MS);
  const { socket, readOnlySocket } = lab.files('n1');
  const pid = pidOf('n1');
  const before = await open();
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
  const captureSocket = socket.replace('weft.sock', 'weft-capture.sock');
  t.true(existsSync(captureSocket));
  const doors = [METRICS, '198.18.0.1:7948', socket, readOnlySocket, captureSocket];
  const attackers: Program[] = [];
  for (const door of doors) {
    for (const how of ['idle', 'half']) {
      attackers.push(lab.background('n1', process.execPath, holder, how, door, `${ATTACKERS / 2}`));
    }
  }
  for (const attacker of attackers)
    await until('it has come to all', () => attacker.stdout.includes('opened'), DEADLINE_MS);
  // Others are served all the time, root at its own socket and Prometheus among the strangers.
  const sent = await datagramsSent();
  await until(
    'it has turned away those for whom there is no room',
    async () => {
      const turnedAway = [...(await metrics())].filter(([name]) => name.startsWith('weft_door_turned_away'));
      return turnedAway.reduce((sum, [, count]) => sum + count, 0) >= ATTACKERS;
    },
    DEADLINE_MS,
  );
  const openNow = await open();
  t.true(openNow < DESCRIPTORS - 60, `${openNow} descriptors are open`);
  // It starts programs, has its pods, and gossips.
  await lab.control('n1').addPod(`${lab.name}-held`, { newNetns: true });
  await until('it goes on gossiping', async () => (await datagramsSent()) > sent + 5, DEADLINE_MS);
  await until('it is alive to the other', async () => (await lab.control('n2').peers())[0]!.state === 'alive');
  await until('its pod reaches another', async () => lab.reaches('n1-p1', '10.244.2.2'));
  // It says that there are few.
  const { notices } = await lab.control('n1').status();
  t.true(notices.some(({ code }) => code === 'descriptors-few'));
  for (const attacker of attackers) attacker.child.kill('SIGKILL');
  await until('what they held is free', async () => (await open()) <= before + 10, DEADLINE_MS);
  t.is(pidOf('n1'), pid);
  await lab.control('n1').removePod(`${lab.name}-held`);
});

test.serial('metrics are not read under the name of somebody else', async (t) => {
  const ask = async (host: string): Promise<string> =>
    lab.exec(
      'n1',
      'curl',
      '--silent',
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
      '-H',
      `Host: ${host}`,
      `http://${METRICS}/metrics`,
    );
  t.is(await ask('evil.example'), '421');
  t.is(await ask('evil.example:9748'), '421');
  t.is(await ask(METRICS), '200');
  t.is(await ask('localhost:9748'), '200');
  t.is(await ask('n1'), '200');
});

test.serial('a daemon that may start no process says which limit it is, and goes on', async (t) => {
  const group = await TaskGroup.around(pidOf('n1'));
  t.teardown(() => group.remove());
  group.allowNoMore();
  const client = lab.control('n1');
  const error = await t.throwsAsync(client.addPod(`${lab.name}-more`, { newNetns: true }), { instanceOf: WeftError });
  t.is(error.code, 'processes-exhausted');
  t.true(error.message.includes(`no process or thread can be started (EAGAIN): ${group.title} has `), error.message);
  t.regex(error.message, /pids\.max.*TasksMax=/);
  // The doctor makes every check that needs no program.
  const [{ checks, findings }] = (await client.doctor({})).nodes as [Diagnosis];
  const skipped = checks.filter(({ outcome }) => outcome === 'skipped');
  t.true(skipped.some(({ check }) => check === 'kernel-state'));
  t.true(skipped.every(({ reason }) => /^could not be looked at: .* no process .*pids\.max/.test(reason)));
  t.true(checks.length - skipped.length > 14);
  t.true(findings.some(({ id }) => id === 'resources-short'));
  t.false(findings.some(({ id }) => id === 'kernel-state-missing'));
  const sent = await datagramsSent();
  await until('it goes on gossiping', async () => (await datagramsSent()) > sent + 5, DEADLINE_MS);
  await until('its pod reaches another', async () => lab.reaches('n1-p1', '10.244.2.2'));
  t.true((await client.events()).some(({ kind }) => kind === 'resources-short'));
  group.allowAll();
  await client.addPod(`${lab.name}-more`, { newNetns: true });
  await client.removePod(`${lab.name}-more`);
});
