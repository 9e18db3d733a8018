/** A backend that ends while wrk has connections to all: those to others go on, and new ones spread over what is left. */
import test from 'ava';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const PORT = 8080;
const CONNECTIONS = 30;
const nodes = ['n1', 'n2', 'n3'] as const;

/** Answers, and says how often it did, and on how many connections. */
const server = `
const serving = require('node:http').createServer((_, response) => {
  counts.answers++;
  response.end('hello');
});
const counts = { answers: 0, connections: 0 };
serving.on('connection', () => counts.connections++);
serving.listen(${PORT});
setInterval(() => console.log(JSON.stringify(counts)), 200);
`;

interface Counts {
  readonly answers: number;
  readonly connections: number;
}

let lab: TestLab;

/** What a server said last. */
function countsOf({ stdout }: Program): Counts {
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Counts;
}

async function label(node: string, app: string): Promise<void> {
  await lab.control(node).addPod('p1', { netns: `/run/netns/${lab.name}-${node}-p1`, labels: { app } });
}

test.before(async () => {
  lab = await TestLab.up('--nodes', '3', '--pods', '2');
});

test.after.always(async () => lab?.down());

test.serial('a backend that ends under load disturbs no connection to others', async (t) => {
  const servers = new Map<string, Program>();
  for (const node of nodes) {
    await label(node, 'web');
    servers.set(node, await lab.serve(`${node}-p1`, PORT, process.execPath, '-e', server));
  }
  const read = (node: string): Counts => countsOf(servers.get(node)!);
  (await lab.tryAsk('n1', 'service', 'add', 'web', '--port', `80:${PORT}`, '--selector', 'app=web')).succeeded();
  const service = async () => (await lab.control('n2').services()).services.find(({ name }) => name === 'web');
  await until('n2 knows all backends', async () => (await service())?.ports[0]!.backends.length === 6);
  const [address] = (await service())!.clusterAddresses;

  const load = ['-t1', `-c${CONNECTIONS}`, '-d12s', '--timeout', '5s', `http://${address}/`];
  const wrk = lab.background('n2-p2', 'wrk', ...load);
  await until('all answer', () => nodes.every((node) => read(node).answers > 50));
  const before = new Map<string, Counts>(nodes.map((node) => [node, read(node)]));
  // Nobody begins anything with it any more; and then it ends, and its connections with it.
  await label('n3', 'other');
  await until('n2 knows that it is none any more', async () => (await service())!.ports[0]!.backends.length === 4);
  await servers.get('n3')!.end();
  // wrk begins those anew that it lost: they spread over the two that are left.
  await until('they are begun anew', () =>
    ['n1', 'n2'].every((node) => read(node).connections > before.get(node)!.connections),
  );
  const answered = new Map(nodes.map((node) => [node, read(node).answers]));
  await until('the others answer on', () =>
    ['n1', 'n2'].every((node) => read(node).answers > answered.get(node as 'n1')! + 50),
  );
  const { stdout } = await wrk.ends();
  t.log(stdout);
  // Those that were open to the one that ended, once each: wrk begins another one at once, and that gets somewhere.
  const [, refused = '0', lost = '0', , late = '0'] =
    /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? [];
  t.deepEqual([refused, late], ['0', '0']);
  t.true(Number(lost) <= before.get('n3')!.connections);
});
