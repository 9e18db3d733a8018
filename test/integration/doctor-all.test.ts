/** The doctors of a lab of three nodes together: a fault between two nodes, or of a node that is gone, is one finding, whoever is asked. */
import test from 'ava';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Counts of before have to be forgotten, dead nodes to be found: on a machine that is busy. */
const DEADLINE_MS = 75_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => {
  await lab?.down();
});

async function doctor(node: string, ...args: readonly string[]): Promise<DoctorReport> {
  const { stdout, exitCode } = await lab.tryAsk(node, 'doctor', '--json', ...args);
  const report = JSON.parse(stdout) as DoctorReport;
  if (report.healthy !== (exitCode === 0)) throw new Error(`healthy is ${report.healthy}, the exit code ${exitCode}`);
  return report;
}

/** What is wrong, of several nodes and of each. What was put right is said for ten minutes. */
function saidOf({ shared, nodes }: DoctorReport): string[] {
  return [
    ...shared.map(({ id, nodes: concerned }) => `${id} ${concerned.join(' ')}`),
    ...nodes.flatMap(({ node, findings }) =>
      findings.filter(({ id }) => id !== 'repaired-by-itself').map(({ id }) => `${node}: ${id}`),
    ),
  ];
}

/** Until the report says just that. */
async function untilSaid(node: string, ...said: readonly string[]): Promise<DoctorReport> {
  let report: DoctorReport | undefined;
  try {
    await until(
      `the doctors say ${said.join(', ')} alone`,
      async () => {
        report = await doctor(node, '--all');
        return JSON.stringify(saidOf(report)) === JSON.stringify(said);
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; they said ${JSON.stringify(report)}`, { cause: error });
  }
  return report!;
}

async function untilHealthy(): Promise<void> {
  const report = await untilSaid('n1');
  if (!report.healthy || report.nodes.length !== 3) throw new Error(`it is not healthy: ${JSON.stringify(report)}`);
}

const rules = async (place: string, text: string) => (await lab.tryExec(place, 'nft', text)).succeeded();

/** Has the switch rewrite in both directions, so that to `nodes` n2 seems to be elsewhere. */
async function translate(...nodes: readonly string[]): Promise<void> {
  const [{ address: mac }] = JSON.parse(await lab.exec('n2', 'ip', '-json', 'link', 'show', 'eth0')) as [
    { address: string },
  ];
  for (const node of nodes)
    await lab.exec(node, 'ip', 'neighbour', 'replace', '198.18.0.99', 'lladdr', mac, 'dev', 'eth0');
  const to = `{ ${nodes.map((node) => `"${node}"`).join(', ')} }`;
  await rules(
    'switch',
    `table bridge nat { chain forward { type filter hook forward priority 1; }; }
     add rule bridge nat forward iifname "n2" oifname ${to} ether type ip ip saddr 198.18.0.2 ip saddr set 198.18.0.99
     add rule bridge nat forward oifname "n2" iifname ${to} ether type ip ip daddr 198.18.0.99 ip daddr set 198.18.0.2`,
  );
}

test.serial('a link that is cut is one finding, with what both ends see, and no other', async (t) => {
  t.timeout(4 * DEADLINE_MS);
  await untilHealthy();
  await lab.lab('cut', 'n1', 'n3');
  try {
    // From one of the ends, which has to ask the other through n2, and from outside.
    for (const node of ['n1', 'n2']) {
      let report = await untilSaid(node, 'path-cut n1 n3');
      // One end may have looked a moment before.
      await until('both ends see it', async () => {
        report = await untilSaid(node, 'path-cut n1 n3');
        return report.shared[0]!.seenBy.length === 2;
      });
      const [finding] = report.shared;
      t.deepEqual(finding!.seenBy, ['n1', 'n3']);
      t.true(finding!.evidence.some((text) => text.startsWith('n1: n3 (198.18.0.3:4789)')));
      t.true(finding!.evidence.some((text) => text.startsWith('n3: n1 (198.18.0.1:4789)')));
      t.deepEqual(report.unexamined, []);
      t.deepEqual(
        report.nodes.map(({ node: name, through }) => [name, through]),
        [
          ['n1', ''],
          ['n2', ''],
          ['n3', node === 'n1' ? 'n2' : ''],
        ],
      );
    }
    const { stdout } = await lab.tryAsk('n1', 'doctor', '--all');
    t.regex(stdout, /^cluster: 1 error\n\nerror {4}path-cut \(n1 and n3\): /);
    t.regex(stdout, /\nn1 is healthy otherwise: .*\nn2 is healthy: .*\nn3 \(asked by n2\) is healthy otherwise: .*\n$/);
  } finally {
    await lab.lab('heal', 'n1', 'n3');
  }
  await untilHealthy();
});

test.serial('a firewall of one end is the one finding, and says what the other end sees', async (t) => {
  t.timeout(3 * DEADLINE_MS);
  await rules(
    'n3',
    'table inet guard { chain in { type filter hook input priority 0; }; }; add rule inet guard in udp dport 4789 drop',
  );
  try {
    const { nodes } = await untilSaid('n1', 'n3: firewall-drops');
    const evidence = nodes.find(({ node }) => node === 'n3')!.findings.flatMap((finding) => finding.evidence);
    t.true(
      evidence.some((text) => /^with it: n1: \d+ datagrams were sent straight to n3/.test(text)),
      evidence.join('\n'),
    );
  } finally {
    await rules('n3', 'delete table inet guard');
  }
  await untilHealthy();
});

test.serial('a NAT between a node and another is named, with both addresses, and nothing else is', async (t) => {
  t.timeout(4 * DEADLINE_MS);
  await translate('n1');
  try {
    let ids: string[] = [];
    await until(
      'the doctor of n1 names it alone',
      async () => {
        ids = saidOf(await doctor('n1'));
        return ids.length === 1 && ids[0] === 'n1: address-translated';
      },
      DEADLINE_MS,
    ).catch((error: unknown) => t.fail(`${String(error)}; it named ${ids.join(', ')}`));
    const { shared } = await untilSaid('n1', 'address-translated n1 n2');
    const evidence = shared[0]!.evidence.join('\n');
    t.regex(
      evidence,
      /^n1: n2 announces 198\.18\.0\.2, but its gossip over UDP comes from 198\.18\.0\.99 \(\d+ so far/,
    );
    t.regex(evidence, /with it: n2: n1 /);
  } finally {
    await rules('switch', 'delete table bridge nat');
  }
  await untilHealthy();
});

/** Rules of n2 itself, and over what its gossip comes to n1 from its second address then. */
const ownRules = {
  UDP: `table ip other { chain out { type filter hook postrouting priority 200; }; }
        add rule ip other out ip daddr 198.18.0.1 udp dport 7948 ip saddr set 198.18.0.99`,
  // Of flows that the kernel knows it keeps the source, so this is of new connections.
  TCP: `table ip other { chain out { type nat hook postrouting priority 90; }; }
        add rule ip other out ip daddr 198.18.0.1 tcp dport 7948 snat to 198.18.0.99`,
};

for (const [protocol, text] of Object.entries(ownRules)) {
  test.serial(`a rule of the node itself is told from a NAT on the way, over ${protocol}`, async (t) => {
    t.timeout(3 * DEADLINE_MS);
    await lab.exec('n2', 'ip', 'address', 'add', '198.18.0.99/16', 'dev', 'eth0');
    await rules('n2', text);
    try {
      const { shared } = await untilSaid('n3', 'address-translated n1 n2');
      const evidence = shared[0]!.evidence.join('\n');
      t.regex(evidence, new RegExp(`^n1: n2 announces .* over ${protocol} comes from 198\\.18\\.0\\.99 `));
      t.regex(evidence, /^n1: 198\.18\.0\.99 is an address of n2, too/m);
    } finally {
      await rules('n2', 'delete table ip other');
      await lab.exec('n2', 'ip', 'address', 'delete', '198.18.0.99/16', 'dev', 'eth0');
    }
    await untilHealthy();
  });
}

test.serial('a node that was killed is one finding, with what the others know of it', async (t) => {
  t.timeout(3 * DEADLINE_MS);
  await lab.lab('kill', 'n3');
  try {
    await until(
      'both others count it as dead',
      async () => {
        const states = await Promise.all(['n1', 'n2'].map(async (node) => lab.control(node).peers()));
        return states.every((peers) => peers.some(({ name, state }) => name === 'n3' && state === 'dead'));
      },
      DEADLINE_MS,
    );
    const { shared, unexamined } = await untilSaid('n1', 'node-dead n3');
    t.regex(shared[0]!.title, /^n3 has been heard by nobody since [-\d]+ [:\d]+ UTC \(n1 and n2 agree\)/);
    const evidence = shared[0]!.evidence.join('\n');
    t.regex(evidence, /^n1 and n2 count it as dead, since [-\d]+ [:\d]+ UTC$/m);
    t.regex(evidence, /^heard last: by n[12] at [-\d]+ [:\d]+ UTC, by n[12] at [-\d]+ [:\d]+ UTC$/m);
    t.regex(
      evidence,
      /^it announced 198\.18\.0\.3:7948 for gossip and 198\.18\.0\.3:4789 for VXLAN, last in incarnation \d+$/m,
    );
    t.regex(evidence, /^its address answers pings of n1 and n2$/m);
    t.regex(evidence, /^over TCP, n1 and n2 cannot talk to it: ECONNREFUSED$/m);
    t.deepEqual(unexamined, []);
  } finally {
    await lab.lab('start', 'n3');
  }
  await untilHealthy();
});

test.serial('a daemon that is stopped is named before anybody counts it as dead', async (t) => {
  t.timeout(3 * DEADLINE_MS);
  const { pid } = await lab.control('n3').status();
  process.kill(pid, 'SIGSTOP');
  try {
    const report = await doctor('n1', '--all');
    t.is(report.shared.length, 1, JSON.stringify(report));
    t.true(['node-silent', 'node-dead'].includes(report.shared[0]!.id));
    t.deepEqual(report.shared[0]!.nodes, ['n3']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await untilHealthy();
});
