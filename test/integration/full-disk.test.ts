/** A node whose state directory is full, or read-only: on a small file system of this test's own. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { runProgram } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Files are tried again every few seconds, and nodes come back: on a machine that is busy. */
const DEADLINE_MS = 60_000;

/** More than weft stores, and soon filled. */
const DISK_KIB = 64;

let lab: TestLab;
let stateDir: string;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  ({ stateDir } = lab.files('n1'));
  await lab.lab('stop', 'n1');
  const aside = `${stateDir}.aside`;
  renameSync(stateDir, aside);
  (await runProgram(['mkdir', '-m', '700', stateDir])).succeeded();
  const size = `size=${DISK_KIB}k,mode=700`;
  (await runProgram(['mount', '-t', 'tmpfs', '-o', size, `weft-${lab.name}`, stateDir])).succeeded();
  cpSync(aside, stateDir, { recursive: true });
});

test.after.always(async () => {
  if (stateDir !== undefined) await runProgram(['umount', '--lazy', stateDir]);
  await lab?.down();
});

const filler = (): string => join(stateDir, 'filler');

function fillDisk(): void {
  try {
    writeFileSync(filler(), Buffer.alloc((DISK_KIB + 1) * 1024));
  } catch {
    // What fits is written.
  }
}

async function remount(option: 'ro' | 'rw'): Promise<void> {
  (await runProgram(['mount', '-o', `remount,${option}`, stateDir])).succeeded();
}

async function noticeCodes(): Promise<string[]> {
  const { notices } = await lab.control('n1').status();
  return notices.map(({ code }) => code);
}

async function findings(): Promise<string[]> {
  const { nodes } = JSON.parse((await lab.tryAsk('n1', 'doctor', '--json')).stdout) as DoctorReport;
  return nodes.flatMap((node) => node.findings.map(({ id }) => id));
}

function stored(file: string): unknown {
  return JSON.parse(readFileSync(join(stateDir, file), 'utf8'));
}

async function reachesN2(): Promise<void> {
  await until('the pods reach each other', async () => lab.reaches('n1-p1', '10.244.2.2'), DEADLINE_MS);
}

/** Nothing can be stored: pods work, it is said everywhere, and what has to be stored is refused with nothing changed. */
async function isAnOutageOfTheDiskAlone(t: ExecutionContext, reason: RegExp): Promise<void> {
  await reachesN2();
  await until('it is among the notices', async () => (await noticeCodes()).includes('store-unwritable'), DEADLINE_MS);
  let found: string[] = [];
  await until('the doctor finds it', async () => (found = await findings()).includes('store-unwritable'), DEADLINE_MS);
  t.false(found.includes('store-damaged'));
  const events = await lab.control('n1').events({ kind: 'store' });
  t.is(events.at(-1)?.kind, 'store-failed');
  t.regex(events.at(-1)!.message, reason);

  const pods = await lab.control('n1').pods();
  const added = await lab.tryAsk('n1', 'pod', 'add', `${lab.name}-extra`, '--new');
  t.is(added.exitCode, 1);
  t.regex(added.stderr, /^weft: pod \S+ was not added, and nothing was made: .*pods\.journal cannot be saved/);
  t.regex(added.stderr, reason);
  t.false(existsSync(`/run/netns/${lab.name}-extra`));
  const removed = await lab.tryAsk('n1', 'pod', 'rm', pods[0]!.name);
  t.is(removed.exitCode, 1);
  t.regex(removed.stderr, /^weft: pod \S+ was not removed, and is as it was: /);
  t.deepEqual(await lab.control('n1').pods(), pods);
  t.regex((await lab.tryAsk('n1', 'ipam', 'status')).succeeded(), /^10\.244\.1\.0\/24 +1 +0 +\d+ +\d+ +253$/m);
  await reachesN2();
}

async function recovers(t: ExecutionContext): Promise<void> {
  await until('the notice is gone', async () => !(await noticeCodes()).includes('store-unwritable'), DEADLINE_MS);
  t.is((await lab.control('n1').events({ kind: 'store' })).at(-1)?.kind, 'store-recovered');
  await until(
    'the doctor finds nothing of it any more',
    async () => !(await findings()).includes('store-unwritable'),
    DEADLINE_MS,
  );
  const { identity } = await lab.control('n1').status();
  t.like(stored('identity.json'), { identity });
  const { journal } = await lab.control('n1').ipamStatus();
  t.deepEqual(journal, {
    file: join(stateDir, 'pods.journal'),
    lengthBytes: statSync(journal.file).size,
    behind: null,
  });
  t.regex((await lab.tryAsk('n1', 'ipam', 'check')).succeeded(), /^all agree; compared \d+ leases/m);
}

test.serial('a daemon starts on a full disk, and stores what it could not once there is room', async (t) => {
  const { identity } = stored('identity.json') as { identity: string };
  fillDisk();
  await lab.lab('start', 'n1');
  t.is((await lab.control('n1').status()).identity, identity);
  await isAnOutageOfTheDiskAlone(t, /ENOSPC: no space left on device/);
  t.false(existsSync(join(stateDir, 'pods.journal.tmp')));
  rmSync(filler());
  await recovers(t);
  (await lab.tryAsk('n1', 'pod', 'add', `${lab.name}-extra`, '--new')).succeeded();
  (await lab.tryAsk('n1', 'pod', 'rm', `${lab.name}-extra`)).succeeded();
});

test.serial('a daemon is started and killed on a read-only disk, and others take it as alive each time', async (t) => {
  await remount('ro');
  for (const end of ['stop', 'kill', 'kill']) {
    await lab.lab(end, 'n1');
    await lab.lab('start', 'n1');
    await until(
      'n2 takes n1 as alive',
      async () => {
        const peers = await lab.control('n2').peers();
        return peers.some(({ name, state }) => name === 'n1' && state === 'alive');
      },
      DEADLINE_MS,
    );
    await reachesN2();
  }
  await isAnOutageOfTheDiskAlone(t, /EROFS: read-only file system/);
  await remount('rw');
  await recovers(t);
});

test.serial('a removal that was stored before the disk was full is not undone by a restart', async (t) => {
  const [pod] = await lab.control('n1').pods();
  fillDisk();
  // What is left of the last block of the journal would be enough for a line; the first one of a start needs a file.
  await lab.lab('kill', 'n1');
  await lab.lab('start', 'n1');
  t.is((await lab.tryAsk('n1', 'pod', 'rm', pod!.name)).exitCode, 1);
  await lab.lab('kill', 'n1');
  await lab.lab('start', 'n1');
  t.is((await lab.control('n1').pods()).length, 1, 'what was refused did not happen later');
  rmSync(filler());
  await recovers(t);
  (await lab.tryAsk('n1', 'pod', 'rm', pod!.name)).succeeded();
  fillDisk();
  await lab.lab('kill', 'n1');
  await lab.lab('start', 'n1');
  t.deepEqual(await lab.control('n1').pods(), []);
});

test.serial('a new node does not start where its identity cannot be stored', async (t) => {
  await lab.lab('stop', 'n1');
  for (const file of ['identity.json', 'filler']) rmSync(join(stateDir, file), { force: true });
  await remount('ro');
  const { exitCode, stderr } = await lab.daemon('n1').ends();
  t.is(exitCode, 1);
  t.regex(stderr, /^weft: .*identity\.json cannot be saved: EROFS.*another one after each start$/m);
});
