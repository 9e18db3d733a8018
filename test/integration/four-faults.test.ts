/** Four faults as they happen to people, one at a time: what is captured, what is explained and what the doctor says name the same. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { CaptureLine } from '../../src/cli/capture-lines.ts';
import type { DoctorReport, Finding } from '../../src/doctor/finding.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { cutLink } from '../../src/lab/cut.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const forgedSender = fileURLToPath(new URL('../support/forged-sender.ts', import.meta.url));

/** Counts of the last half minute have to be forgotten, dead nodes to be found: on a machine that is busy. */
const DEADLINE_MS = 120_000;

const addresses = { n1: '10.244.1.2', n2: '10.244.2.2', n3: '10.244.3.2' } as const;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => lab?.down());

/** What `weft capture ARGS` at `node` shows while `traffic` lasts, and is ended as by Ctrl-C. */
async function captured(
  node: string,
  args: readonly string[],
  traffic: () => Promise<unknown>,
): Promise<readonly CaptureLine[]> {
  const capture = lab.background(node, ...weft, '--socket', lab.files(node).socket, 'capture', '--json', ...args);
  await until('the capture has begun', async () => {
    if (capture.child.exitCode !== null) throw new Error(`weft capture ended: ${capture.stderr}`);
    return Promise.resolve(capture.stderr.includes('capturing on'));
  });
  await traffic();
  const text = (await capture.end('SIGINT')).succeeded().trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as CaptureLine);
}

/** Where echo requests from n1 to `address` were seen, and as what. */
function sightings(lines: readonly CaptureLine[], address: string): string[] {
  return lines
    .filter(({ packet }) => packet.includes(`${addresses.n1} > ${address}: icmp echo request`))
    .map(({ node, hook, comment: { verdict, reason, relay } }) =>
      [`${node}/${hook}`, reason ?? verdict, ...(relay === undefined ? [] : [`through ${relay}`])].join(' '),
    );
}

async function ping(address: string): Promise<unknown> {
  return await lab.tryExec('n1-p1', 'ping', '-n', '-q', '-c', '1', '-W', '1', address);
}

async function explain(...args: readonly string[]): Promise<Explanation> {
  const { stdout, stderr } = await lab.tryAsk('n1', 'explain', '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Explanation;
}

/** Explains a packet from n1 to `destination` until the words about it match. */
async function untilExplained(destination: string, words: RegExp): Promise<Explanation> {
  let last: Explanation | undefined;
  let text = '';
  try {
    await until(
      'it is explained',
      async () => {
        last = await explain('n1/p1', destination);
        text = last.nodes.flatMap(({ node, steps }) => steps.map((step) => `${node}: ${step.text}`)).join('\n');
        return words.test(text);
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; the last that was said:\n${text}`, { cause: error });
  }
  return last!;
}

/** Until the doctor of n1 finds `id` alone, with evidence that matches. `again` is done before each look: counts are forgotten soon. */
async function untilDiagnosed(
  id: string,
  evidence: RegExp,
  again: () => Promise<unknown> = async () => Promise.resolve(),
): Promise<void> {
  let findings: readonly Finding[] = [];
  try {
    await until(
      `the doctor names ${id} alone, with ${String(evidence)}`,
      async () => {
        await again();
        findings = (await examined()).nodes.flatMap((node) => node.findings);
        return findings.length === 1 && findings[0]!.id === id && evidence.test(findings[0]!.evidence.join('\n'));
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; it named ${JSON.stringify(findings)}`, { cause: error });
  }
}

async function examined(...args: readonly string[]): Promise<DoctorReport> {
  return JSON.parse((await lab.tryAsk('n1', 'doctor', '--json', ...args)).stdout) as DoctorReport;
}

async function untilHealthy(): Promise<void> {
  await until(
    'all nodes are healthy',
    async () => {
      const { healthy, nodes } = await examined('--all');
      return healthy && nodes.length === 3;
    },
    DEADLINE_MS,
  );
}

test.serial('a cut: packets leave and arrive nowhere, and soon go through the third node', async (t) => {
  t.teardown(async () => {
    await lab.lab('heal', 'n1', 'n2');
    await untilHealthy();
  });
  // Neither of the two reaches the other any more, but n3 reaches both.
  const lost = await captured('n3', ['--all', 'icmp'], async () => {
    // Without the time that a process takes to end: n1 looks for another way as soon as it has heard nothing for two seconds.
    await cutLink(lab.name, 'n1', 'n2');
    await ping(addresses.n2);
  });
  t.deepEqual(sightings(lost, addresses.n2), [
    'n1/from-pod pass',
    'n1/route forward',
    'n1/encapsulate pass',
    'n1/to-underlay sent',
  ]);

  const { fate } = await untilExplained(addresses.n2, /n1: goes to n2 through n3, as there is no good direct path/);
  t.not(fate, 'dropped');
  await untilDiagnosed('path-cut', /n2 \(198\.18\.0\.2:4789\) answers neither .*; packets go through n3 instead/);
  const relayed = await captured('n1', ['icmp'], async () => ping(addresses.n2));
  t.is(sightings(relayed, addresses.n2).at(-1), 'n1/to-underlay sent through n3');
});

test.serial('a killed peer: packets to it are dropped for want of a route, and it is said who is dead', async (t) => {
  t.teardown(async () => {
    await lab.lab('start', 'n3');
    await untilHealthy();
  });
  await lab.lab('kill', 'n3');
  const { fate, reason } = await untilExplained(addresses.n3, /n3 is dead.*10\.244\.3\.0\/24 is no longer at n3/);
  t.deepEqual([fate, reason], ['dropped', 'no-route']);
  const lines = await captured('n1', ['--drops', 'icmp'], async () => ping(addresses.n3));
  t.deepEqual(sightings(lines, addresses.n3), ['n1/drop no-route']);
  await untilDiagnosed('node-dead', /^n3 .* dead/);
});

test.serial('a wrong VNI: packets are dropped by the node that has another', async (t) => {
  await lab.lab('stop', 'n3');
  const daemon = lab.daemon('n3', '--vxlan-vni', '43');
  t.teardown(async () => {
    await daemon.end();
    await lab.lab('start', 'n3');
    await untilHealthy();
  });
  await lab.answers('n3');
  const { fate, reason, nodes } = await untilExplained(addresses.n3, /n3: dropped as vxlan-wrong-vni/);
  t.deepEqual([fate, reason, nodes.at(-1)!.node], ['dropped', 'vxlan-wrong-vni', 'n3']);
  const lines = await captured('n1', ['--node', 'n3', '--drops'], async () => ping(addresses.n3));
  t.true(sightings(lines, addresses.n3).includes('n3/drop vxlan-wrong-vni'), JSON.stringify(lines));
  await untilDiagnosed('vni-mismatch', /42 here, and 43 on n3/);
});

test.serial('a forged source: packets are dropped where they arrive, and it is said who sent them', async (t) => {
  const { mac } = (await lab.control('n1').status()).tun;
  const forge = async () => lab.exec('n3', process.execPath, forgedSender, '198.18.0.3', '198.18.0.1', mac);
  const lines = await captured('n1', ['--drops'], forge);
  const forged = lines.filter(({ packet }) => packet.startsWith('10.244.2.200'));
  t.true(forged.length > 0, JSON.stringify(lines));
  for (const { hook, comment } of forged) {
    t.like(comment, { verdict: 'drop', reason: 'forged-source', peer: 'n3' });
    t.is(hook, 'drop');
  }
  let seen: string[][] = [];
  await until('it is told what was seen', async () => {
    const { around } = await explain('10.244.2.200', 'n1/p1', '--around', '1s', '--window', '2m');
    seen = around!.nodes.flatMap((one) => one.seen.map(({ hook, reason, peer }) => [one.node, hook, reason, peer]));
    return seen.length > 0;
  });
  t.deepEqual(seen, [['n1', 'drop', 'forged-source', 'n3']]);
  await untilDiagnosed('forged-source', /packets .* were dropped as forged-source/, forge);
});
