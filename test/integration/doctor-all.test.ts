/** The doctors of a lab of three nodes together: a fault between two nodes, or of a node that is gone, is one finding, whoever is asked. */
import test from 'ava';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Counts of before have to be forgotten, dead nodes to be found: on a machine that is busy. */
const DEADLINE_MS = 120_000;

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

/** All that is said for what is wrong. */
function textOf({ shared, nodes }: DoctorReport): string {
  const findings = [...shared, ...nodes.flatMap((one) => one.findings)];
  return findings.flatMap(({ title, evidence }) => [title, ...evidence]).join('\n');
}

/** Until the report says just that, and in words what matches: one node may come to know of it a moment after another. */
async function untilSaid(
  node: string,
  said: readonly string[],
  words: readonly RegExp[] = [],
  isWhole: (report: DoctorReport) => boolean = () => true,
): Promise<DoctorReport> {
  let report: DoctorReport | undefined;
  try {
    await until(
      `the doctors say ${said.join(', ')} alone`,
      async () => {
        report = await doctor(node, '--all');
        const text = textOf(report);
        return (
          JSON.stringify(saidOf(report)) === JSON.stringify(said) &&
          words.every((one) => one.test(text)) &&
          isWhole(report)
        );
      },
      DEADLINE_MS,
    );
  } catch (error) {
    const wanted = words.map(String).join(', ');
    throw new Error(`${String(error)}, with ${wanted}; they said ${JSON.stringify(report)}`, { cause: error });
  }
  return report!;
}

async function untilHealthy(): Promise<void> {
  await untilSaid('n1', [], [], ({ healthy, nodes }) => healthy && nodes.length === 3);
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
      const words = [/^n1: n3 \(198\.18\.0\.3:4789\)/m, /^n3: n1 \(198\.18\.0\.1:4789\)/m];
      // One end may have looked a moment before, and who is busy may not answer.
      const report = await untilSaid(
        node,
        ['path-cut n1 n3'],
        words,
        ({ shared, unexamined }) => shared[0]!.seenBy.length === 2 && unexamined.length === 0,
      );
      t.deepEqual(report.shared[0]!.seenBy, ['n1', 'n3']);
      t.deepEqual(
        report.nodes.map(({ node: name, through }) => [name, through]),
        [
          ['n1', ''],
          ['n2', ''],
          ['n3', node === 'n1' ? 'n2' : ''],
        ],
      );
    }
    const lines = [
      /^cluster: 1 error\n\nerror {4}path-cut \(n1 and n3\): /,
      /\nn1 is healthy otherwise: .*\nn2 is healthy: .*\nn3 \(asked by n2\) is healthy otherwise: .*\n$/,
    ];
    await until(
      'a person is told the same',
      async () => {
        const { stdout } = await lab.tryAsk('n1', 'doctor', '--all');
        return lines.every((one) => one.test(stdout));
      },
      DEADLINE_MS,
    );
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
    await untilSaid('n1', ['n3: firewall-drops'], [/^with it: n1: \d+ datagrams were sent straight to n3/m]);
  } finally {
    await rules('n3', 'delete table inet guard');
  }
  await untilHealthy();
  t.pass();
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
    await untilSaid(
      'n1',
      ['address-translated n1 n2'],
      [
        /^n1: n2 announces 198\.18\.0\.2, but its gossip over UDP comes from 198\.18\.0\.99 \(\d+ so far/m,
        /with it: n2: n1 /,
      ],
    );
  } finally {
    await rules('switch', 'delete table bridge nat');
  }
  await untilHealthy();
  t.pass();
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
      await untilSaid(
        'n3',
        ['address-translated n1 n2'],
        [
          new RegExp(`^n1: n2 announces .* over ${protocol} comes from 198\\.18\\.0\\.99 `, 'm'),
          /^n1: 198\.18\.0\.99 is an address of n2, too/m,
        ],
      );
    } finally {
      await rules('n2', 'delete table ip other');
      await lab.exec('n2', 'ip', 'address', 'delete', '198.18.0.99/16', 'dev', 'eth0');
    }
    await untilHealthy();
    t.pass();
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
    const { shared } = await untilSaid(
      'n1',
      ['node-dead n3'],
      [
        /^n3 has been heard by nobody since [-\d]+ [:\d]+ UTC \(n1 and n2 agree\)/m,
        /^n1 and n2 count it as dead, since [-\d]+ [:\d]+ UTC$/m,
        /^heard last: by n[12] at [-\d]+ [:\d]+ UTC, by n[12] at [-\d]+ [:\d]+ UTC$/m,
        /^it announced 198\.18\.0\.3:7948 for gossip and 198\.18\.0\.3:4789 for VXLAN, last in incarnation \d+$/m,
        /^its address answers pings of n1 and n2$/m,
        /^over TCP, n1 and n2 cannot talk to it: ECONNREFUSED$/m,
      ],
      ({ unexamined }) => unexamined.length === 0,
    );
    t.regex(shared[0]!.title, /^n3 has been heard by nobody/);
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
    const about = report.shared.filter(({ id }) => id === 'node-silent' || id === 'node-dead');
    t.is(about.length, 1, JSON.stringify(report));
    t.deepEqual(about[0]!.nodes, ['n3']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await untilHealthy();
});
