/** What an earlier configuration left under other names, on one node without a daemon. */
import test from 'ava';
import type { Notice } from '../../src/api/control-api.ts';
import type { ResetReport } from '../../src/daemon/reset.ts';
import { listLinks } from '../../src/linux/link.ts';
import { PodNode } from '../support/pod-node.ts';

/** The TUN device of a daemon that has ended, with its address. */
async function makeOldTun(node: PodNode): Promise<void> {
  await node.ip('tuntap', 'add', 'dev', 'old0', 'mode', 'tun', 'vnet_hdr', 'multi_queue');
  await node.ip('link', 'set', 'dev', 'old0', 'alias', 'weft', 'up');
  await node.ip('address', 'add', 'fd00:10:244:9::1/128', 'dev', 'old0', 'nodad');
}

async function names(node: PodNode): Promise<string[]> {
  return (await listLinks(node.netns)).map(({ ifname }) => ifname).toSorted((a, b) => (a < b ? -1 : 1));
}

test.serial(
  'the TUN device of an earlier configuration goes at the start, and is no reason for a notice',
  async (t) => {
    const node = await PodNode.make();
    t.teardown(() => node.remove());
    await makeOldTun(node);
    await node.makeTun();
    t.deepEqual(await node.runWell<Notice[]>(['ensure']), []);
    t.deepEqual(await names(node), ['eth0', 'lo', 'weft0']);
  },
);

test.serial('reset removes the devices of other names and networks', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  await makeOldTun(node);
  await node.ip('link', 'add', 'wf0123abcd', 'type', 'veth', 'peer', 'name', 'other');
  await node.ip('link', 'set', 'dev', 'wf0123abcd', 'alias', 'weft:blue:web');
  const { devices } = await node.runWell<ResetReport>(['reset']);
  t.deepEqual(devices.toSorted(), ['old0', 'wf0123abcd']);
  t.deepEqual(await names(node), ['eth0', 'lo']);
});
