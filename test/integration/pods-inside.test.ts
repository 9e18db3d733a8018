/** What somebody breaks inside of a pod: the doctor finds it, `pod list` says it, and `--fix` gives it again. */
import test from 'ava';
import type { Pod } from '../../src/daemon/api.ts';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '1', '--pods', '1');
});
test.after.always(async () => lab.down());

async function ask<Answer>(...args: readonly string[]): Promise<Answer> {
  const { stdout } = await lab.tryExec('n1', ...weft, '--socket', lab.files('n1').socket, ...args, '--json');
  return JSON.parse(stdout) as Answer;
}

/** Ids of findings, and what was seen. */
async function found(...args: readonly string[]): Promise<Map<string, readonly string[]>> {
  const { nodes } = await ask<DoctorReport>('doctor', ...args);
  return new Map(nodes[0]!.findings.map(({ id, evidence }) => [id, evidence]));
}

async function stateOf(pod: string): Promise<string> {
  const pods = await ask<Pod[]>('pod', 'list');
  const { state, faults } = pods.find(({ name }) => name === pod)!;
  return [state, ...faults].join(': ');
}

const breaks: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'no default route': [['ip', 'route', 'delete', 'default']],
  'no IPv6 default route': [['ip', '-6', 'route', 'delete', 'default']],
  'no address 10.244.1.2/32': [['ip', 'address', 'delete', '10.244.1.2/32', 'dev', 'eth0']],
  'the MTU of eth0 is 1400, and not 1450': [['ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1400']],
  'eth0 is down': [['ip', 'link', 'set', 'dev', 'eth0', 'down']],
};

for (const [fault, commands] of Object.entries(breaks)) {
  test.serial(`${fault}: said by pod list and doctor, and put right by --fix`, async (t) => {
    t.is(await stateOf('p1'), 'running');
    for (const command of commands) await lab.exec('n1-p1', ...command);
    await until('it is seen', async () => (await stateOf('p1')).startsWith('broken'));
    t.true((await stateOf('p1')).includes(fault), await stateOf('p1'));
    const before = await found();
    t.true(
      before.get('pod-broken')?.some((text) => text.includes(fault)),
      JSON.stringify([...before]),
    );
    const { nodes } = await ask<DoctorReport>('doctor', '--fix');
    t.true(nodes[0]!.fixed.includes('pod-broken'));
    await until('it is put right', async () => (await stateOf('p1')) === 'running');
    t.true(await lab.reaches('n1-p1', '10.244.1.1'));
    t.true(await lab.reaches('n1-p1', 'fd00:10:244:1::1'));
  });
}

test.serial('a firewall of the pod that lets nothing in is a note, with its rule', async (t) => {
  await lab.exec(
    'n1-p1',
    'nft',
    'add table inet own; add chain inet own in { type filter hook input priority 0; policy drop; }',
  );
  await until('the rules are seen', async () => (await found()).has('pod-firewall'));
  t.regex(
    (await found()).get('pod-firewall')!.join('\n'),
    /pod p1: nothing new comes in by TCP: .*inet own in: policy drop/,
  );
  await lab.exec('n1-p1', 'nft', 'delete', 'table', 'inet', 'own');
  await until('they are gone', async () => !(await found()).has('pod-firewall'));
});

test.serial('a port on which nothing listens, or on loopback only, is said', async (t) => {
  const about = ['--pod', 'p1', '--dport', '8080'];
  t.deepEqual((await found(...about)).get('pod-port-closed'), ['pod p1: no socket listens on TCP port 8080']);
  lab.background('n1-p1', 'socat', 'TCP4-LISTEN:8080,bind=127.0.0.1,fork', 'EXEC:true');
  await until(
    'it listens on loopback',
    async () => (await found(...about)).get('pod-port-closed')?.[0]?.includes('127.0.0.1 only') === true,
  );
  lab.background('n1-p1', 'socat', 'TCP4-LISTEN:8081,fork', 'EXEC:true');
  await until('it listens', async () => !(await found('--pod', 'p1', '--dport', '8081')).has('pod-port-closed'));
  t.pass();
});

async function inNode(...args: readonly string[]) {
  return await lab.tryExec('n1', ...weft, '--socket', lab.files('n1').socket, 'doctor', ...args);
}

test.serial('a pod that is not there, and options that do not go together, are refused', async (t) => {
  t.regex((await inNode('--pod', 'none', '--dport', '80')).stderr, /n1 has no pod none/);
  t.regex((await inNode('--pod', 'p1')).stderr, /--pod and --dport go together/);
  t.regex((await inNode('--pod', 'p1', '--dport', '80', '--all')).stderr, /leave out --all/);
});
