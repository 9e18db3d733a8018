/** What somebody breaks inside of a pod: the doctor finds it, `pod list` says it, and `--fix` gives it again. */
import test from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '1', '--pods', '1');
});
test.after.always(async () => lab?.down());

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
    await until('it runs', async () => (await stateOf('p1')) === 'running');
    for (const command of commands) await lab.exec('n1-p1', ...command);
    await until('it is seen', async () => {
      const state = await stateOf('p1');
      return state.startsWith('broken') && state.includes(fault);
    });
    // On a busy machine a look into the pod may fail, which is said, and is no finding.
    await until('the doctor finds it', async () =>
      ((await found()).get('pod-broken') ?? []).some((text) => text.includes(fault)),
    );
    await until('the doctor puts it right', async () => {
      const { nodes } = await ask<DoctorReport>('doctor', '--fix');
      return nodes[0]!.fixed.includes('pod-broken');
    });
    await until('it runs again', async () => (await stateOf('p1')) === 'running');
    for (const address of ['10.244.1.1', 'fd00:10:244:1::1']) {
      await until(`it reaches ${address}`, async () => lab.reaches('n1-p1', address));
    }
    t.pass();
  });
}

test.serial('a queue that was made short is found', async (t) => {
  await lab.exec('n1', 'ip', 'link', 'set', 'dev', 'weft0', 'txqueuelen', '10');
  await until('the queue is seen', async () => (await found()).has('queue-short'));
  await lab.exec('n1', 'ip', 'link', 'set', 'dev', 'weft0', 'txqueuelen', '500');
  await until('it is long again', async () => !(await found()).has('queue-short'));
  t.pass();
});

test.serial('a firewall of the pod that lets nothing in is a note, with its rule', async (t) => {
  await lab.exec(
    'n1-p1',
    'nft',
    'add table inet own; add chain inet own in { type filter hook input priority 0; policy drop; }',
  );
  let evidence: readonly string[] | undefined;
  await until('the rules are seen', async () => (evidence = (await found()).get('pod-firewall')) !== undefined);
  t.regex(evidence!.join('\n'), /pod p1: nothing new comes in by TCP: .*inet own in: policy drop/);
  await lab.exec('n1-p1', 'nft', 'delete', 'table', 'inet', 'own');
  await until('they are gone', async () => !(await found()).has('pod-firewall'));
});

test.serial('a port on which nothing listens, or on loopback only, is said', async (t) => {
  const about = ['--pod', 'p1', '--dport', '8080'];
  await until(
    'it is said that nothing listens',
    async () => (await found(...about)).get('pod-port-closed')?.join() === 'pod p1: no socket listens on TCP port 8080',
  );
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

test.serial('a policy rule that leads pods past weft is found, with the rule', async (t) => {
  const pair = await TestLab.up('--nodes', '2', '--pods', '1');
  try {
    const ask = async () => {
      const { nodes } = await pair.control('n1').doctor({});
      return nodes[0]!.findings.find(({ id }) => id === 'pods-diverted')?.evidence.join('\n') ?? '';
    };
    await pair.exec('n1', 'ip', 'route', 'add', 'default', 'via', '198.18.255.254', 'dev', 'eth0', 'table', '52');
    await pair.exec('n1', 'ip', 'rule', 'add', 'priority', '5210', 'to', '10.244.0.0/16', 'lookup', '52');
    let evidence = '';
    await until('it is found', async () => (evidence = await ask()) !== '');
    t.regex(evidence, /packets from pod p1 to n2 \(10\.244\.2\.1\) leave by eth0, by table 52, and not by weft0/);
    t.regex(evidence, /rules before the main table: .*5210: .*lookup 52/);
    await pair.exec('n1', 'ip', 'rule', 'delete', 'priority', '5210');
    await until('it is gone', async () => (await ask()) === '');
  } finally {
    await pair.down();
  }
});
