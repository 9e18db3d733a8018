/** The doctor on services of a cluster without Kubernetes: faults are seeded one after the other, and the doctor names exactly that one. */
import test from 'ava';
import type { DoctorReport, Finding, SharedFinding } from '../../src/doctor/finding.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const DEADLINE_MS = 60_000;

let lab: TestLab;

test.before(async () => {
  // What somebody changes in nftables stays for the doctor to see.
  lab = await TestLab.up('--nodes', '2', '--pods', '1', '--set', 'audit.watch=off');
  await lab.control('n2').addPod('p1', { netns: `/run/netns/${lab.name}-n2-p1`, labels: { app: 'web' } });
});

test.after.always(async () => lab?.down());

async function doctor(...args: readonly string[]): Promise<DoctorReport> {
  return JSON.parse((await lab.tryAsk('n1', 'doctor', '--json', ...args)).stdout) as DoctorReport;
}

/** What an audit of before has put right is said for ten minutes. */
function findingsOf({ shared, nodes }: DoctorReport): readonly (Finding | SharedFinding)[] {
  return [...shared, ...nodes.flatMap(({ findings }) => findings)].filter(({ id }) => id !== 'repaired-by-itself');
}

/** Until the doctor of n1 names these alone. @param seed carried out again each time: an audit may put it right before */
async function untilFound(
  ids: readonly string[],
  args: readonly string[] = [],
  seed?: () => Promise<unknown>,
): Promise<readonly (Finding | SharedFinding)[]> {
  let findings: readonly (Finding | SharedFinding)[] = [];
  try {
    await until(
      `the doctor names ${ids.join() || 'nothing'} alone`,
      async () => {
        await seed?.();
        findings = findingsOf(await doctor(...args));
        return findings.map(({ id }) => id).join() === ids.join();
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; it named ${JSON.stringify(findings)}`, { cause: error });
  }
  return findings;
}

async function ask(...args: readonly string[]): Promise<string> {
  return (await lab.tryAsk('n1', ...args)).succeeded();
}

test.serial('services with pods behind them are nothing to speak of, on no node', async (t) => {
  t.timeout(2 * DEADLINE_MS);
  await ask('service', 'add', 'web', '--port', '80', '--selector', 'app=web', '--node-port');
  await untilFound([], ['--all']);
  t.true((await doctor()).healthy);
});

test.serial('a service without pods is found, and said once for all nodes', async (t) => {
  t.timeout(2 * DEADLINE_MS);
  await ask('service', 'add', 'typo', '--port', '80', '--selector', 'app=wbe');
  const evidence = 'default/typo 80/tcp: no pod of namespace default has app=wbe: connections are refused';
  const [alone] = await untilFound(['service-without-backend']);
  t.deepEqual([alone!.severity, alone!.evidence], ['warning', [evidence]]);
  const [shared] = await untilFound(['service-without-backend'], ['--all']);
  t.deepEqual(shared!.evidence, [`n1 and n2: ${evidence}`]);
  await ask('service', 'rm', 'typo');
  await untilFound([]);
});

test.serial('a table of services that somebody removes is found, and --fix puts it back', async (t) => {
  t.timeout(2 * DEADLINE_MS);
  const [finding] = await untilFound(['services-not-followed'], [], async () =>
    lab.tryExec('n1', 'nft', 'delete', 'table', 'inet', 'weft-services'),
  );
  t.deepEqual(finding!.evidence, ['the nftables table inet weft-services is gone: no service is reached']);
  t.true(finding!.fix.automatic);
  await doctor('--fix');
  await untilFound([]);
  t.true((await lab.exec('n1', 'nft', 'list', 'tables')).includes('inet weft-services'));
});

test.serial(
  'rules of kube-proxy beside services of weft are found, and nothing is said without services',
  async (t) => {
    t.timeout(3 * DEADLINE_MS);
    await lab.exec('n1', 'nft', 'table ip kube-proxy { chain services { }; }');
    const [finding] = await untilFound(['services-and-kube-proxy']);
    t.deepEqual(finding!.evidence, ['weft has 1 service, and there is nftables table ip kube-proxy']);
    await ask('service', 'rm', 'web');
    await untilFound([]);
  },
);
