/** What a daemon may do without, on a lab of one node with one pod. */
import test from 'ava';
import type { Program } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';

const needed = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'] as const;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '1', '--pods', '1');
  // Its namespace stays, for the tests to use.
  await lab.control('n1').removePod('p1');
  await lab.lab('stop', 'n1');
});

test.after.always(async () => lab?.down());

/** Starts n1's daemon as uid 0 with these capabilities and no others. */
function daemonWith(capabilities: readonly string[]): Program {
  const bounding = ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',');
  const setpriv = ['setpriv', `--bounding-set=${bounding}`, '--inh-caps=-all', '--no-new-privs'];
  return lab.background('n1', ...setpriv, '--', ...weft, 'daemon', '--config', lab.files('n1').config);
}

const refuses = test.macro({
  exec: async (t, missing: string) => {
    const { exitCode, stderr } = await daemonWith(needed.filter((name) => name !== missing)).ends();
    t.is(exitCode, 1);
    t.regex(stderr, new RegExp(`^weft: CAP_${missing} is missing, to .*--cap-add ${missing}\\)$`, 'm'));
    for (const other of needed) if (other !== missing) t.notRegex(stderr, new RegExp(other));
  },
  title: (name) => `a daemon without ${name} says so and ends`,
});

for (const name of needed) test.serial(`CAP_${name}`, refuses, name);

test.serial('a daemon without any capability names all that it needs', async (t) => {
  const { exitCode, stderr } = await daemonWith([]).ends();
  t.is(exitCode, 1);
  for (const name of needed) t.regex(stderr, new RegExp(`CAP_${name} is missing`));
});

test.serial(
  'with three capabilities a daemon adds pods to namespaces, old and new, which reach the outside',
  async (t) => {
    const daemon = daemonWith(needed);
    await lab.answers('n1');
    const control = lab.control('n1');
    // Its namespace is LAB-n1-p7: a place of the lab.
    const name = 'p7';
    const pod = await control.addPod(name, { newNetns: true });
    t.deepEqual(pod.notices, []);
    t.true(await lab.reaches('n1', pod.addresses[0]!));
    for (const address of ['10.244.1.1', 'fd00:10:244:1::1', '198.19.255.1', 'fd00:198:19::1']) {
      t.true(await lab.reaches('n1-p7', address), address);
    }
    const guest = await control.addPod('guest', { netns: `${lab.name}-n1-p1` });
    t.true(await lab.reaches('n1', guest.addresses[1]!));
    t.true(await lab.reaches('n1-p1', pod.addresses[0]!));
    t.true(await control.removePod('guest'));
    t.true(await control.removePod(name));
    // Without a fourth one, it may not open port 53, and lives without.
    const [notice, ...others] = (await control.status()).notices;
    t.is(notice?.code, 'names-not-permitted');
    t.regex(
      notice!.message,
      /CAP_NET_BIND_SERVICE is missing, to open port 53 of 10\.244\.1\.1, .*--cap-add NET_BIND_SERVICE/,
    );
    t.deepEqual(others, []);
    t.is((await daemon.end()).exitCode, 0);
  },
);

test.serial('only with SYS_PTRACE a daemon enters the namespace of a process with more privileges', async (t) => {
  // The process has all capabilities, the daemon has three.
  const guest = lab.background('n1-p1', 'sleep', '600');
  const request = { pid: guest.child.pid! };

  const without = daemonWith(needed);
  await lab.answers('n1');
  await t.throwsAsync(lab.control('n1').addPod('guest', request), {
    code: 'privilege-missing',
    message: `cannot open the network namespace of process ${request.pid}: that needs CAP_SYS_PTRACE (docker: --cap-add SYS_PTRACE)`,
  });
  t.deepEqual(await lab.control('n1').pods(), []);
  await without.end();

  // Whether SYS_PTRACE alone is enough: the kernel asks for it in place of every capability that we lack.
  const allowed = daemonWith([...needed, 'SYS_PTRACE']);
  await lab.answers('n1');
  const pod = await lab.control('n1').addPod('guest', request);
  t.true(await lab.reaches('n1', pod.addresses[0]!));
  t.true(await lab.control('n1').removePod('guest'));
  await allowed.end();
});
