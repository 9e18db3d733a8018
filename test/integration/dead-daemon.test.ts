/** A daemon that does not answer: what commands and the doctor say of one that ended, and of one that is stopped. */
import test from 'ava';
import type { DoctorReport, Finding } from '../../src/doctor/finding.ts';
import { TestLab, weft } from '../support/test-lab.ts';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '1', '--pods', '2');
});
test.after.always(async () => lab?.down());

async function ask(...args: readonly string[]) {
  return await lab.tryExec('n1', ...weft, '--socket', lab.files('n1').socket, ...args);
}

async function findings(): Promise<readonly Finding[]> {
  const { stdout } = await ask('doctor', '--json');
  return (JSON.parse(stdout) as DoctorReport).nodes[0]!.findings;
}

test.serial('of a daemon that was killed the doctor says what it left', async (t) => {
  await lab.lab('kill', 'n1');
  // As a daemon leaves it that asks Kubernetes.
  await lab.exec('n1', 'nft', 'add', 'table', 'inet', 'weft-policy');
  const finding = (await findings()).find(({ id }) => id === 'daemon-not-running');
  const evidence = finding?.evidence.join('\n') ?? '';
  t.regex(evidence, /^2 pods are stored in .*state, still connected: 2$/m);
  t.regex(evidence, /^its device weft0 is there$/m);
  t.regex(evidence, /^network policies are enforced as it left them: the nftables table inet weft-policy is there$/m);
  t.regex(evidence, /^the last line of its log: \S+ \w+ +\S/m);
  await lab.lab('start', 'n1');
});

test.serial('a daemon that is stopped is said to be stopped, by commands and by the doctor', async (t) => {
  const pid = (await lab.status()).nodes[0]!.pid!;
  process.kill(pid, 'SIGSTOP');
  try {
    const { exitCode, stderr } = await ask('status');
    t.is(exitCode, 1);
    t.regex(stderr, new RegExp(`is stopped, and answers nobody: let it go on with kill -CONT ${pid}`));
    const found = await findings();
    t.deepEqual(
      found.filter(({ id }) => id.startsWith('daemon-')).map(({ id }) => id),
      ['daemon-silent'],
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await lab.answers('n1');
  t.is((await ask('status')).exitCode, 0);
});
