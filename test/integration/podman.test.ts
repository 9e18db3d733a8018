/** Containers of podman, with CNI as their network, on a node of a lab. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import { makePluginDirectory } from '../support/cni-programs.ts';
import { Podman } from '../support/podman.ts';
import { TestLab } from '../support/test-lab.ts';

let lab: TestLab;
let plugins: string | undefined;
let podman: Podman;

test.before(async () => {
  plugins = await makePluginDirectory();
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  const { socket, stateDir } = lab.files('n1');
  // The newest version that podman 4.3 speaks.
  const conflist = {
    cniVersion: '0.4.0',
    name: 'weft',
    plugins: [{ type: 'weft-cni', socket, spool: join(stateDir, 'cni-spool') }],
  };
  podman = await Podman.prepare({ lab, node: 'n1', plugins, conflist });
});

test.after.always(async () => {
  await podman?.remove();
  await lab?.down();
  if (plugins !== undefined) rmSync(plugins, { recursive: true });
});

test('a container reaches pods of both nodes, is known by its name, and leaves nothing', async (t) => {
  await podman.start('web', [], 'sleep', '3600');
  for (const address of ['10.244.1.2', '10.244.2.2'])
    (await podman.run('exec', 'web', 'ping', '-c', '1', '-W', '10', address)).succeeded();
  (await podman.run('exec', 'web', 'ping', '-6', '-c', '1', '-W', '10', 'fd00:10:244:2::2')).succeeded();
  t.deepEqual(await namesOf(), ['p1', 'web']);
  (await podman.run('restart', '--time', '0', 'web')).succeeded();
  (await podman.run('exec', 'web', 'ping', '-c', '1', '-W', '10', '10.244.2.2')).succeeded();
  (await podman.run('rm', '--force', '--time', '0', 'web')).succeeded();
  t.deepEqual(await namesOf(), ['p1']);
});

async function namesOf(): Promise<string[]> {
  const pods = JSON.parse((await lab.tryAsk('n1', 'pod', 'list', '--json')).succeeded()) as Pod[];
  return pods.map(({ name }) => name).toSorted();
}
