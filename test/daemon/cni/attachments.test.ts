import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { AttachmentKey } from '../../../src/api/cni-api.ts';
import type { IpamStatus, PoolCounts } from '../../../src/api/ipam-api.ts';
import { Attachments } from '../../../src/daemon/cni/attachments.ts';
import { CniSpool } from '../../../src/linux/cni-spool.ts';
import { fixedIpamStatus } from '../../support/fixed-handlers.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

const removal = { cniNetwork: 'overlay', containerId: 'c1', interface: 'eth0' };

function attachmentsOf(t: ExecutionContext, families: readonly PoolCounts[] = fixedIpamStatus.families) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-attachments-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const state = { detached: [] as string[], refuses: false };
  const spool = new CniSpool(join(directory, 'spool'));
  const pods = {
    attach: async () => await Promise.reject(new Error('not here')),
    detach: async ({ containerId, interface: name }: AttachmentKey) => {
      if (state.refuses) throw new Error('the disk is full');
      state.detached.push(`${containerId} ${name}`);
      return await Promise.resolve(true);
    },
    examine: async () => await Promise.resolve(undefined),
    attachments: () => [],
    leaseStatus: (): IpamStatus => ({ ...fixedIpamStatus, families }),
  };
  const options = { pods, spoolDirectory: spool.directory, namesDomain: 'weft.internal', logger: silentLogger };
  return { attachments: new Attachments(options), spool, state };
}

test('what is spooled is carried out at the start, and what comes later as well', async (t) => {
  const { attachments, spool, state } = attachmentsOf(t);
  spool.write(removal);
  const stop = await attachments.start();
  t.deepEqual(state.detached, ['c1 eth0']);
  t.deepEqual(spool.read(), []);
  spool.write({ ...removal, containerId: 'c2' });
  await until('the spool is empty', () => Promise.resolve(spool.read().length === 0));
  await stop();
  t.deepEqual(state.detached, ['c1 eth0', 'c2 eth0']);
});

test('what cannot be carried out now stays, and is tried again', async (t) => {
  const { attachments, spool, state } = attachmentsOf(t);
  state.refuses = true;
  spool.write(removal);
  await attachments.drain();
  t.deepEqual(spool.read(), [removal]);
  state.refuses = false;
  await attachments.drain();
  t.deepEqual([state.detached, spool.read()], [['c1 eth0'], []]);
});

test('an interface that is removed is not spooled any more', async (t) => {
  const { attachments, spool } = attachmentsOf(t);
  spool.write(removal);
  t.true(await attachments.remove(removal));
  t.deepEqual(spool.read(), []);
});

test('CHECK of what nobody attached says so', async (t) => {
  const { attachments } = attachmentsOf(t);
  const { differences } = await attachments.check({ ...removal, netns: '/run/netns/c1', addresses: [] });
  t.deepEqual(differences, ['weft knows no interface eth0 of container c1 in network overlay']);
});

const [family] = fixedIpamStatus.families;
const ready = test.macro<[readonly PoolCounts[], string]>({
  exec: (t, families, problem) => {
    const { attachments, spool } = attachmentsOf(t, families);
    t.deepEqual(attachments.status(), { ready: problem === '', problem, spool: spool.directory });
  },
  title: (name) => `STATUS of ${name}`,
});

test('a node with addresses', ready, [family!], '');
test('a node without prefixes', ready, [], 'this node has no prefixes (nodePrefixes)');
test(
  'a node whose addresses of one family are used up',
  ready,
  [family!, { ...family!, family: 6, size: 253, used: 250, free: 0, cooling: 3 }],
  'this node has no free IPv6 address: 250 of 253 are in use; 3 that were freed come back within a minute',
);
