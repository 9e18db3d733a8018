/** What `lab down` has to find although it is not named after the lab. */
import { existsSync } from 'node:fs';
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';

test('a namespace that a daemon of the lab made for a pod goes with the lab', async (t) => {
  const lab = await TestLab.up('--nodes', '1', '--pods', '0');
  const name = `extra-${lab.name}`;
  try {
    const { netns } = await lab.control('n1').addPod(name, { newNetns: true });
    t.true(existsSync(netns));
  } finally {
    await lab.down();
  }
  t.false(existsSync(`/run/netns/${name}`));
});
