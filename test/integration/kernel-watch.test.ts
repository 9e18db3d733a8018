/** What somebody takes away of weft's in the kernel is back at once, on a lab of two nodes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Diagnosis } from '../../src/doctor/finding.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Less than a minute: the audit would do it as well. It takes a second, on a machine that has the time. */
const DEADLINE_MS = 45_000;

/** The node's end of its pod's pair, for a shell. */
const CABLE = '$(ip -br link | sed -n "s/^\\(wf[0-9a-f]*\\)@.*/\\1/p")';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
});

const directory = mkdtempSync(join(tmpdir(), 'weft-kernel-watch-'));

test.after.always(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true });
});

/** Subjects of the events of a kind, on n1. */
async function told(wanted: string): Promise<string[]> {
  const events = await lab.control('n1').events();
  return events.filter(({ kind }) => kind === wanted).map(({ subject }) => subject);
}

const repaired = async (): Promise<string[]> => told('audit-repaired');

/** How often something was said of devices of pods. */
const ofPods = async (): Promise<number> =>
  [...(await repaired()), ...(await told('audit-found'))].filter((subject) => subject.startsWith('wf')).length;

const damages: Readonly<Record<string, { damage: string; subject: string; check: string }>> = {
  'the route of the cluster': {
    damage: 'ip route delete 10.244.0.0/16 dev weft0',
    subject: '10.244.0.0/16',
    check: 'ip route show 10.244.0.0/16 dev weft0 | grep -q .',
  },
  'an address of the node': {
    damage: 'ip address delete 10.244.1.1/32 dev weft0',
    subject: '10.244.1.1/32',
    check: 'ip address show to 10.244.1.1 | grep -q weft0',
  },
  'the TUN device, by setting it down': {
    damage: 'ip link set weft0 down',
    subject: 'weft0',
    check: 'ip link show weft0 | grep -q ,UP',
  },
  'the route to a pod': {
    damage: 'ip route delete 10.244.1.2',
    subject: '10.244.1.2',
    check: 'ip route show 10.244.1.2 | grep -q wf',
  },
  'the TUN device, by renaming it': {
    damage: 'ip link set weft0 name tun7',
    subject: 'weft0',
    check: 'ip link show weft0 | grep -q ,UP',
  },
  'the TUN device, by deleting it': {
    damage: 'ip link delete weft0',
    subject: 'weft0',
    check: 'ip route show 10.244.0.0/16 dev weft0 | grep -q .',
  },
  "a pod's device, by renaming it": {
    damage: `ip link set ${CABLE} name veth7`,
    subject: '',
    check: 'ip route show 10.244.1.2 | grep -q wf',
  },
  "a pod's device, by deleting it": {
    damage: `ip link delete ${CABLE}`,
    subject: '',
    check: 'ip route show 10.244.1.2 | grep -q wf',
  },
  'all rules of nftables': {
    damage: 'nft flush ruleset',
    subject: 'inet weft',
    check: 'nft list table inet weft | grep -q masquerade && nft list table inet weft-pods > /dev/null',
  },
  'the rules that bind pods, by switching their table off': {
    damage: "nft 'add table inet weft-pods { flags dormant; }'",
    subject: 'inet weft-pods',
    check: 'nft list table inet weft-pods | grep -q own4 && ! nft list table inet weft-pods | grep -q dormant',
  },
};

for (const [what, { damage, subject, check }] of Object.entries(damages)) {
  test.serial(`somebody takes away ${what}, and it is back before the next audit`, async (t) => {
    // What is damaged while a repair is under way is put right with it, and is told of by nothing.
    await lab.control('n1').audit();
    const before = (await repaired()).filter(
      (one) => one === subject || (subject === '' && one.startsWith('wf')),
    ).length;
    await lab.exec('n1', 'sh', '-c', damage);
    await until('it is back', async () => (await lab.tryExec('n1', 'sh', '-c', check)).exitCode === 0, DEADLINE_MS);
    await until(
      'an event tells it',
      async () =>
        (await repaired()).filter((one) => one === subject || (subject === '' && one.startsWith('wf'))).length > before,
      DEADLINE_MS,
    );
    await until('pods reach each other', async () => lab.isConnected());
    t.pass();
  });
}

test.serial('the doctor says what was put right, and that all is in order again', async (t) => {
  let stdout = '';
  await until('the doctor finds nothing any more', async () => {
    const asked = await lab.tryAsk('n1', 'doctor');
    ({ stdout } = asked);
    return asked.exitCode === 0;
  }).catch((error: unknown) => t.fail(`${String(error)}: ${stdout}`));
  t.regex(stdout, /^n1 is in order again: /m);
  t.regex(stdout, /the device weft0 is gone: somebody deleted it|somebody deleted the device weft0/);
});

test.serial('what happened was no reason for anybody to take the node for gone', async (t) => {
  t.deepEqual(
    (await lab.control('n2').events()).filter(({ kind }) => /left|dead/.test(kind)),
    [],
  );
  await until('the pod runs', async () => {
    const [pod] = await lab.control('n1').pods();
    return pod?.name === 'p1' && pod.state === 'running';
  });
});

test.serial('a pod that deletes its own end without end gets another one, less and less often', async (t) => {
  const thief = lab.background('n1-p1', 'sh', '-c', 'while :; do ip link delete eth0 2> /dev/null; sleep 0.02; done');
  const before = await ofPods();
  await until('it is said', async () => (await ofPods()) > before, DEADLINE_MS);
  await lab.exec('n1', 'ip', 'route', 'delete', '10.244.0.0/16', 'dev', 'weft0');
  await until(
    'what else is missing is put back all the same',
    async () =>
      (await lab.tryExec('n1', 'sh', '-c', 'ip route show 10.244.0.0/16 dev weft0 | grep -q .')).exitCode === 0,
    DEADLINE_MS,
  );
  t.true((await ofPods()) < before + 20);
  await thief.end();
});

/** Messages of the events of a kind about `subject`, on n1. */
async function said(wanted: string, subject: string): Promise<string[]> {
  const events = await lab.control('n1').events();
  return events.filter((event) => event.kind === wanted && event.subject === subject).map(({ message }) => message);
}

async function doctorSays(id: string): Promise<string> {
  const [{ findings }] = (await lab.control('n1').doctor({})).nodes as [Diagnosis];
  return findings.find((finding) => finding.id === id)?.evidence.join('\n') ?? '';
}

test.serial('who takes the same away without end is named by an event, and weft does not run after it', async (t) => {
  // One process that goes on, as a network manager does: it is still there when it is sought.
  const commands = '<(while sleep 0.05; do echo "route delete 10.244.0.0/16 dev weft0"; done)';
  const thief = lab.background('n1', 'bash', '-c', `exec ip -force -batch - < ${commands} > /dev/null 2>&1`);
  const wanted = /10\.244\.0\.0\/16 .*; the last that is known to have changed it is process "ip" \(pid \d+\)/;
  // Earlier tests took the same route away: that it is contested may have been said before.
  await until(
    'the doctor says that somebody does, and who',
    async () => wanted.test(await doctorSays('repairs-contested')),
    DEADLINE_MS * 2,
  );
  await until('an event says that it is contested', async () =>
    (await told('audit-contested')).includes('10.244.0.0/16'),
  );
  await until('an event of a repair names who did it', async () => {
    // It may be faster than the look behind a repair.
    const events = await Promise.all(
      ['audit-repaired', 'audit-found'].map(async (kind) => said(kind, '10.244.0.0/16')),
    );
    return events.flat().some((message) => /; it was changed last by process "ip" \(pid \d+\)$/.test(message));
  });
  await thief.end();
  t.true((await repaired()).length < 60);
  await until(
    'the route is back for good',
    async () =>
      (await lab.tryExec('n1', 'sh', '-c', 'ip route show 10.244.0.0/16 dev weft0 | grep -q .')).exitCode === 0,
    DEADLINE_MS * 2,
  );
});

test.serial('a program that deletes the rules again and again is named, whatever it calls itself', async (t) => {
  // The name is its own choice: that of the file that is run.
  const name = 'a"b\u001b[31m';
  const script =
    'cp "$(command -v nft)" "$0/$1" && while sleep 0.2; do "$0/$1" delete table inet weft 2> /dev/null; done';
  const thief = lab.background('n1', 'bash', '-c', script, directory, name);
  const wanted =
    /; (?:it was changed last by|the last that is known to have changed it is) process "a\?b\?\[31m" \(pid \d+\)/;
  for (const kind of ['audit-contested', 'audit-repaired']) {
    await until(
      `an event ${kind} names it`,
      async () => (await said(kind, 'inet weft')).some((message) => wanted.test(message)),
      DEADLINE_MS * 2,
    );
  }
  await until('the doctor names it', async () => wanted.test(await doctorSays('repairs-contested')));
  t.pass();
  await thief.end();
  await until(
    'the rules are back for good',
    async () => (await lab.tryExec('n1', 'nft', 'list', 'table', 'inet', 'weft')).exitCode === 0,
    DEADLINE_MS * 2,
  );
});
