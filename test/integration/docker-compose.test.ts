/** docker-compose.yml, with an engine and an image of this test's own: one lab, and what may befall it, one after another. */
import test from 'ava';
import type { Pod, Status } from '../../src/api/control-api.ts';
import { ComposeLab } from '../support/compose-lab.ts';
import { DockerEngine } from '../support/docker-engine.ts';
import { until } from '../support/until.ts';

const NODES = ['n1', 'n2', 'n3'] as const;

/** An image of weft for everybody is to stay below this. */
const MAX_IMAGE_BYTES = 300e6;

let engine: DockerEngine;
let lab: ComposeLab;

test.before('docker-compose up --build', async (t) => {
  t.timeout(170_000);
  engine = await DockerEngine.start();
  lab = await ComposeLab.prepare(engine);
  await lab.compose('up', '--build', '--detach');
});

test.after.always(async () => {
  await engine.stop();
});

test.serial('three nodes come up whose pods all reach each other', async (t) => {
  await everythingAnswers();
  const { gossip, peers } = await statusOf('n1');
  t.deepEqual([gossip.members.alive, gossip.authenticated, peers], [3, true, 2]);
  t.deepEqual((await podsOf('n2')).map(({ name }) => name).toSorted(), ['guest-2', 'hello-2']);
});

test.serial('what the pods greet each other with stands in the log', async (t) => {
  await until('hello-3 says what it was answered', async () =>
    /hello-3 to http:\/\/\S+: hello from hello-1 on n1/.test(await lab.compose('logs', '--no-color', 'n3')),
  );
  t.pass();
});

test.serial('every node is healthy in the eyes of the engine', async (t) => {
  await until('all are healthy', async () => {
    const states = await Promise.all(NODES.map(healthOf));
    return states.every((state) => state === 'healthy');
  });
  t.pass();
});

test.serial('weft doctor --all finds nothing wrong, and weft status has no notice', async (t) => {
  t.regex(await lab.exec('n1', 'weft', 'doctor', '--all'), /^n1 is healthy.*\nn2 is healthy.*\nn3 is healthy/m);
  for (const node of NODES) t.deepEqual((await statusOf(node)).notices, [], node);
});

test.serial('weft capture --all -w - writes a pcapng stream with packets of all nodes', async (t) => {
  const captured = await lab.exec('n1', 'weft', 'capture', '--all', '--count', '30', '-w', '-');
  t.is(captured.charCodeAt(0), 0x0a, 'the block type of a section header');
  for (const node of NODES) t.true(captured.includes(node), `packets of ${node}`);
});

test.serial(`the image takes less than ${MAX_IMAGE_BYTES / 1e6} MB`, async (t) => {
  const sizeBytes = Number(await engine.docker('image', 'inspect', '--format', '{{.Size}}', 'weft'));
  t.true(sizeBytes < MAX_IMAGE_BYTES, `${sizeBytes} bytes`);
});

test.serial(
  'nodes that were stopped, restarted and killed are the same nodes, and their pods have their addresses again',
  async (t) => {
    const before = await identities();
    const [stopped, restarted, killed] = NODES;
    await Promise.all([lab.compose('stop', stopped), lab.compose('restart', restarted), lab.compose('kill', killed)]);
    await lab.compose('start', stopped, killed);
    await everythingAnswers();
    t.deepEqual(await identities(), before);
  },
);

test.serial('a node that was paused goes on, and one that was made again is the same, beside it', async (t) => {
  const before = await identities();
  const [paused, recreated] = NODES;
  await lab.compose('pause', paused);
  await lab.compose('up', '--detach', '--force-recreate', '--no-deps', recreated);
  await lab.compose('unpause', paused);
  await everythingAnswers();
  t.deepEqual(await identities(), before);
});

test.serial('all that was taken down comes back with its identity and addresses, from the volumes', async (t) => {
  const before = await identities();
  await lab.compose('down');
  await lab.compose('up', '--detach');
  await everythingAnswers();
  t.deepEqual(await identities(), before);
});

async function everythingAnswers(): Promise<void> {
  await until(
    'every pod answers every other',
    async () => {
      const { exitCode, stdout } = await lab.tryExec('n1', 'weft', 'matrix', '--count', '1');
      return exitCode === 0 && stdout.includes('3 nodes, 6 pods');
    },
    60_000,
  );
}

async function statusOf(node: string): Promise<Status> {
  return JSON.parse(await lab.exec(node, 'weft', 'status', '--json')) as Status;
}

async function podsOf(node: string): Promise<Pod[]> {
  return JSON.parse(await lab.exec(node, 'weft', 'pod', 'list', '--json')) as Pod[];
}

/** What must not change: who each node is, and the addresses of its pods. */
async function identities(): Promise<readonly unknown[]> {
  return await Promise.all(NODES.map(identityOf));
}

async function identityOf(node: string): Promise<unknown> {
  const [{ identity }, pods] = await Promise.all([statusOf(node), podsOf(node)]);
  const addresses = pods.map(({ name, addresses }) => [name, ...addresses] as const);
  return { identity, addresses: addresses.toSorted(([a], [b]) => a.localeCompare(b)) };
}

async function healthOf(node: string): Promise<string> {
  return (await engine.docker('inspect', '--format', '{{.State.Health.Status}}', await lab.container(node))).trim();
}
