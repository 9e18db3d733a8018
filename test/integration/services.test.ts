/** Services without Kubernetes: given at one node of a lab, reached from pods and nodes, and from outside of the cluster. */
import test from 'ava';
import type { ListedService } from '../../src/api/service-api.ts';
import { call, NAMING_PORT, refusal, serveName } from '../support/naming-server.ts';
import type { ProgramResult } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const nodes = ['n1', 'n2', 'n3'] as const;

let lab: TestLab;
let web: ListedService;

async function ask(node: string, ...args: readonly string[]): Promise<string> {
  return (await lab.tryAsk(node, ...args)).succeeded();
}

async function service(node: string, name: string): Promise<ListedService | undefined> {
  return (await lab.control(node).services()).services.find((one) => one.name === name);
}

async function addPod(node: string, pod: string, app: string): Promise<void> {
  await lab.control(node).addPod(pod, { netns: `/run/netns/${lab.name}-${node}-${pod}`, labels: { app } });
}

/** What explain says of a connection of a pod of n2. */
async function fateAt2(destination: string, port: number): Promise<string> {
  const request = { source: 'n2/p2', destination, protocol: 'tcp', destinationPort: `${port}` };
  const { fate, decision } = await lab.control('n1').explain(request);
  return `${fate}: ${decision!.text}`;
}

async function tryWrong(...args: readonly string[]): Promise<ProgramResult> {
  return await lab.tryAsk('n1', 'service', 'add', 'wrong', '--port', '80', '--selector', 'app=web', ...args);
}

test.before(async () => {
  lab = await TestLab.up('--nodes', '3', '--pods', '2');
  for (const node of nodes) {
    await addPod(node, 'p1', node === 'n3' ? 'other' : 'web');
    await serveName(lab, `${node}-p1`);
  }
});

test.after.always(async () => lab?.down());

test.serial('without services there is no table for them', async (t) => {
  t.false((await lab.exec('n1', 'nft', 'list', 'tables')).includes('weft-services'));
  t.is(await ask('n1', 'services'), 'no services\n');
});

test.serial('a service gets an address of each family, and every node knows it', async (t) => {
  const told = await ask(
    'n2',
    'service',
    'add',
    'web',
    '--port',
    `80:${NAMING_PORT}`,
    '--selector',
    'app=web',
    '--node-port',
  );
  t.regex(told, /^service default\/web created: 10\.96\.\d+\.\d+, fd00:10:96::[0-9a-f]+, at each node port 3\d+\n$/);
  for (const node of nodes)
    await until(`${node} knows both backends`, async () => {
      const [port] = (await service(node, 'web'))?.ports ?? [];
      return port?.backends.filter(({ address }) => address.includes('.')).length === 2;
    });
  web = (await service('n3', 'web'))!;
  t.deepEqual(
    web.ports[0]!.backends.map(({ pod, node }) => `${pod} at ${node}`),
    ['default/p1 at n1', 'default/p1 at n2', 'default/p1 at n1', 'default/p1 at n2'],
  );
  t.deepEqual(web.clusterAddresses, (await service('n1', 'web'))!.clusterAddresses);
});

test.serial('pods of all nodes reach all backends, under their own addresses', async (t) => {
  for (const node of nodes) {
    for (const address of web.clusterAddresses) {
      const said = new Set<string>();
      await until(`p2 of ${node} reached both through ${address}`, async () => {
        said.add(await call(lab, `${node}-p2`, address, 80));
        return said.size === 2;
      });
      const own = (await lab.control(node).pods()).find(({ name }) => name === 'p2')!.addresses;
      const source = own.find((one) => one.includes(':') === address.includes(':'));
      t.deepEqual([...said].sort(), [`n1-p1 ${source}`, `n2-p1 ${source}`]);
    }
  }
});

test.serial('a pod reaches itself through its service', async (t) => {
  const said = new Set<string>();
  await until('p1 of n1 reached itself and the other', async () => {
    said.add((await call(lab, 'n1-p1', web.clusterAddresses[0]!, 80)).split(' ')[0]!);
    return said.size === 2;
  });
  t.deepEqual([...said].sort(), ['n1-p1', 'n2-p1']);
});

test.serial('a node reaches services, and so does UDP', async (t) => {
  await ask('n1', 'service', 'add', 'echo', '--port', `53:${NAMING_PORT}/udp`, '--selector', 'app=web');
  const echo = (await service('n1', 'echo'))!.clusterAddresses[0]!;
  const said = new Set<string>();
  await until('n3 reached both', async () => {
    said.add((await call(lab, 'n3', web.clusterAddresses[0]!, 80)).split(' ')[0]!);
    return said.size === 2;
  });
  await until('n3 knows it', async () => (await service('n3', 'echo')) !== undefined);
  const { stdout } = await lab.tryExec('n3-p2', 'sh', '-c', `echo hello | socat -T2 - UDP4:${echo}:53`);
  t.regex(stdout, /^n[12]-p1$/);
});

test.serial('explain says which backend a flow gets, and it does', async (t) => {
  const [address] = web.clusterAddresses;
  const backends = new Set<string>();
  for (let sourcePort = 42_000; sourcePort < 42_008; sourcePort++) {
    const request = {
      source: 'n3/p2',
      destination: 'svc/web',
      protocol: 'tcp',
      sourcePort: `${sourcePort}`,
      destinationPort: '80',
    };
    const { fate, packet } = await lab.control('n1').explain(request);
    t.is(fate, 'delivered');
    const to = `TCP4:${address}:80,connect-timeout=2,sourceport=${sourcePort}`;
    const { stdout } = await lab.tryExec('n3-p2', 'socat', '-T2', '-', to);
    t.is(stdout.split(' ')[0], `${packet.backend!.node}-${packet.backend!.pod}`, `${sourcePort}`);
    backends.add(packet.backend!.node);
  }
  t.deepEqual([...backends].sort(), ['n1', 'n2']);
});

test.serial('explain says what has no backend, and what no service has', async (t) => {
  t.regex(
    await fateAt2('svc/web', 81),
    /^blocked: n2 refuses it: the address is one of services, and none of them has 10\./,
  );
  t.is(
    await fateAt2('10.96.255.254', 80),
    'blocked: n2 refuses it: no service has the address of 10.96.255.254 tcp 80',
  );
});

test.serial('from outside a node port leads to all backends, under the address of the node', async (t) => {
  const { nodePort } = web.ports[0]!;
  const underlay = (await lab.control('n3').status()).underlay.address;
  const said = new Set<string>();
  await until('the world reached both', async () => {
    said.add(await call(lab, 'world', underlay, nodePort!));
    return said.size === 2;
  });
  t.deepEqual([...said].sort(), ['n1-p1 10.244.3.1', 'n2-p1 10.244.3.1']);
});

test.serial('with --local it leads to backends of the node, which see who asks', async (t) => {
  await ask(
    'n1',
    'service',
    'add',
    'near',
    '--port',
    `80:${NAMING_PORT}`,
    '--selector',
    'app=web',
    '--node-port',
    '--local',
  );
  for (const node of nodes) await until(`${node} knows it`, async () => (await service(node, 'near')) !== undefined);
  const { nodePort } = (await service('n1', 'near'))!.ports[0]!;
  const [at1, at3] = await Promise.all(
    ['n1', 'n3'].map(async (node) => (await lab.control(node).status()).underlay.address),
  );
  for (let attempt = 0; attempt < 5; attempt++)
    t.regex(await call(lab, 'world', at1!, nodePort!), /^n1-p1 198\.18\.255\.254$/);
  t.is(await refusal(lab, 'world', at3!, nodePort!), 'timed out');
});

test.serial('what has no backend, and what no service has, is refused at once', async (t) => {
  await ask('n1', 'service', 'add', 'empty', '--port', '80', '--selector', 'app=nobody');
  await until('n2 knows it', async () => (await service('n2', 'empty')) !== undefined);
  const [empty] = (await service('n2', 'empty'))!.clusterAddresses;
  for (const place of ['n2-p2', 'n2']) {
    t.is(await refusal(lab, place, empty!, 80), 'refused');
    t.is(await refusal(lab, place, web.clusterAddresses[0]!, 81), 'refused');
  }
  t.is(await refusal(lab, 'n2-p2', '10.96.255.254', 80), 'No route to host');
  t.true((await lab.control('n2').services()).refused.withoutBackend >= 5);
});

test.serial('a pod that gets its label becomes a backend, and one that ends is none any more', async (t) => {
  await addPod('n3', 'p1', 'web');
  const said = new Set<string>();
  await until('the third is reached', async () => {
    said.add((await call(lab, 'n1-p2', web.clusterAddresses[0]!, 80)).split(' ')[0]!);
    return said.has('n3-p1');
  });
  await addPod('n3', 'p1', 'other');
  await until('n1 knows two', async () => (await service('n1', 'web'))!.ports[0]!.backends.length === 4);
  for (let attempt = 0; attempt < 10; attempt++)
    t.regex(await call(lab, 'n1-p2', web.clusterAddresses[0]!, 80), /^n[12]-p1 /);
});

test.serial('a UDP flow whose backend is gone goes on to another', async (t) => {
  const echo = (await service('n1', 'echo'))!.clusterAddresses[0]!;
  const flow = lab.background(
    'n3-p2',
    process.execPath,
    '-e',
    `const socket = require('node:dgram').createSocket('udp4');
     socket.on('message', (text) => console.log(String(text)));
     socket.on('error', () => undefined);
     socket.connect(53, '${echo}', () => setInterval(() => socket.send('x', () => undefined), 50));`,
  );
  await until('it is answered', () => flow.stdout.includes('-p1\n'));
  const first = flow.stdout.slice(0, 5);
  await addPod(first.slice(0, 2), 'p1', 'other');
  const other = first === 'n1-p1' ? 'n2-p1' : 'n1-p1';
  await until('the other one answers', () => flow.stdout.includes(`${other}\n`));
  await flow.end();
  await addPod(first.slice(0, 2), 'p1', 'web');
  t.pass();
});

test.serial('a daemon that is killed leaves services, and the next one has them', async (t) => {
  const pid = (await lab.control('n1').status()).pid;
  await lab.exec('n1', 'kill', '-KILL', `${pid}`);
  // Without a daemon nothing gets to other nodes.
  await until('the backend of this node is reached', async () =>
    (await call(lab, 'n1-p2', web.clusterAddresses[0]!, 80)).startsWith('n1-p1 '),
  );
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await until('it has them', async () => (await service('n1', 'web'))?.ports[0]!.backends.length === 4);
  t.regex(await call(lab, 'n1-p2', web.clusterAddresses[0]!, 80), /^n[12]-p1 /);
});

test.serial('who asks for an address that is taken, or of no service prefix, is told; nothing changes', async (t) => {
  const [address] = web.clusterAddresses;
  const taken = await tryWrong('--address', address!);
  t.is(taken.exitCode, 1);
  t.regex(taken.stderr, /service default\/web has the address 10\.96\./);
  const outside = await tryWrong('--address', '192.0.2.1');
  t.is(outside.exitCode, 2);
  t.regex(outside.stderr, /192\.0\.2\.1 is in none of services\.prefixes: 10\.96\.0\.0\/16, fd00:10:96::\/112/);
  t.is(await service('n1', 'wrong'), undefined);
});

test.serial('services that are removed are reached by nobody, and with the last one the table goes', async (t) => {
  const told = await ask('n2', 'service', 'rm', 'web', 'near', 'empty', 'echo');
  t.is(told, ['web', 'near', 'empty', 'echo'].map((name) => `service default/${name} deleted\n`).join(''));
  for (const node of nodes)
    await until(
      `${node} has no table`,
      async () => !(await lab.exec(node, 'nft', 'list', 'tables')).includes('weft-services'),
    );
  await until('the route is gone', async () => (await lab.exec('n1', 'ip', 'route', 'show', '10.96.0.0/16')) === '');
  t.is((await lab.tryAsk('n2', 'service', 'rm', 'web')).exitCode, 1);
});
