/** Underlay addresses that change on an IPv6 underlay, with several workers at each node. */
import { existsSync } from 'node:fs';
import test from 'ava';
import { changeAddress } from '../../src/lab/address.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const WORKERS = 3;
const DEADLINE_MS = 60_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1', '--ipv6-underlay');
  for (const node of ['n1', 'n2']) {
    await lab.lab('stop', node);
    lab.daemon(node, '--dataplane-workers', `${WORKERS}`);
    await lab.answers(node);
  }
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
});

test.after.always(async () => lab?.down());

/** Underlay sockets of a node's daemon that are bound to `address`: of each worker one that receives and 16 that send. */
async function socketsAt(node: string, address: string): Promise<number> {
  return (await lab.exec(node, 'ss', '-Haun', 'src', `[${address}]`)).trimEnd().split('\n').filter(Boolean).length;
}

test.serial('all workers take the other address, and keep nothing at the one before', async (t) => {
  const before = await socketsAt('n1', 'fd00:198:18::1');
  t.is(before, WORKERS * 17 + 1);
  await changeAddress(lab.name, 'n1', 'fd00:198:18::101', { force: true });
  await until(
    'n2 knows where n1 is now',
    async () => (await lab.control('n2').peers())[0]?.endpoint === '[fd00:198:18::101]:4789',
    DEADLINE_MS,
  );
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
  // Gossip tells of the address as soon as it is there; each worker takes it by itself.
  await until(
    'nothing is left at the address before',
    async () => (await socketsAt('n1', 'fd00:198:18::1')) === 0,
    DEADLINE_MS,
  );
  await until(
    'as many sockets are at the other one',
    async () => (await socketsAt('n1', 'fd00:198:18::101')) === before,
    DEADLINE_MS,
  );
});

test.serial('two nodes, each of which knows only the other, exchange their addresses', async (t) => {
  await changeAddress(lab.name, 'n1', 'fd00:198:18::2', { force: true });
  await changeAddress(lab.name, 'n2', 'fd00:198:18::101');
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
  for (const node of ['n1', 'n2']) {
    await until(
      `${node} has nothing to complain of`,
      async () => {
        const { residual, notices } = await lab.control(node).status();
        return residual === 0 && notices.length === 0;
      },
      DEADLINE_MS,
    );
    t.is((await lab.control(node).status()).workers.length, WORKERS);
  }
});

test.serial('two nodes come back from a kill, each with the address of the other', async (t) => {
  for (const node of ['n1', 'n2']) {
    const { pid } = await lab.control(node).status();
    process.kill(pid, 'SIGKILL');
    await until(`${node} is gone`, async () => Promise.resolve(!existsSync(`/proc/${pid}`)));
  }
  await changeAddress(lab.name, 'n1', 'fd00:198:18::101', { force: true });
  await changeAddress(lab.name, 'n2', 'fd00:198:18::2');
  await Promise.all([lab.lab('start', 'n1'), lab.lab('start', 'n2')]);
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
  t.is((await lab.control('n1').status()).underlay.address, 'fd00:198:18::101');
});
