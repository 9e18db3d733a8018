/** docker-compose.yml, with an engine and an image of this test's own: one lab, and what may befall it, one after another. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import type { Pod, Status } from '../../src/api/control-api.ts';
import type { PolicyMatrix } from '../../src/cli/policy-answer.ts';
import type { PolicyDetail } from '../../src/cli/policy-detail.ts';
import { ComposeLab } from '../support/compose-lab.ts';
import { DockerEngine } from '../support/docker-engine.ts';
import { until } from '../support/until.ts';

const NODES = ['n1', 'n2', 'n3'] as const;

/** An image of weft for everybody is to stay below this. */
const MAX_IMAGE_BYTES = 300e6;

const START_DEADLINE_MS = 120_000;

/** Settings of a node that is of no cluster. */
const bareNode = [
  ['NODE_NAME', 'bare'],
  ['CLUSTER_PREFIXES', '10.99.0.0/16,fd00:99::/48'],
  ['NODE_PREFIXES', '10.99.1.0/24,fd00:99:0:1::/64'],
  ['GOSSIP_AUTHENTICATION', 'off'],
].flatMap(([key, value]) => ['--env', `WEFT_${key}=${value}`]);

/** Of the two services of the second file, in which one is `app: web` and the other `app: client`. */
const onlyClients = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web }
spec:
  podSelector: { matchLabels: { app: web } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ podSelector: { matchLabels: { app: client } } }]
`;

let engine: DockerEngine;
let lab: ComposeLab;

test.before('docker-compose up --build', async (t) => {
  t.timeout(600_000);
  engine = await DockerEngine.start();
  lab = await ComposeLab.prepare(engine);
  await lab.compose('up', '--build', '--detach');
});

test.after.always(async () => {
  await engine?.stop();
});

test.serial('three nodes come up whose pods all reach each other', async (t) => {
  await everythingAnswers();
  // On a machine that is busy one may be suspect for a moment.
  await eventually('all are alive', async () => (await statusOf('n1')).gossip.members.alive === 3);
  const { gossip, peers } = await statusOf('n1');
  t.deepEqual([gossip.authenticated, peers], [true, 2]);
  t.deepEqual((await podsOf('n2')).map(({ name }) => name).toSorted(), ['guest-2', 'hello-2']);
});

test.serial('what the pods greet each other with stands in the log', async (t) => {
  await eventually('hello-3 says what it was answered', async () =>
    /hello-3 to http:\/\/hello-1\.weft\.internal: hello from hello-1 on n1/.test(
      await lab.compose('logs', '--no-color', 'n3'),
    ),
  );
  t.pass();
});

test.serial('every node is healthy in the eyes of the engine', async (t) => {
  await eventually('all are healthy', async () => {
    const states = await Promise.all(NODES.map(healthOf));
    return states.every((state) => state === 'healthy');
  });
  t.pass();
});

test.serial('weft doctor --all finds nothing wrong, and weft status has no notice', async (t) => {
  // Pods that asked for a greeting before their node knew of the others were refused: for a while that is a finding.
  await eventually('all are healthy', async () => (await lab.tryExec('n1', 'weft', 'doctor', '--all')).exitCode === 0);
  for (const node of NODES)
    await eventually(`${node} has no notice`, async () => (await statusOf(node)).notices.length === 0);
  t.pass();
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

test.serial(
  'a node that was paused, one that was made again and one whose daemon crashed are the same, too',
  async (t) => {
    const before = await identities();
    const [paused, recreated, crashed] = NODES;
    const { pid, startedAt } = await statusOf(crashed);
    // The container ends with its daemon, and the shell with the container.
    await lab.tryExec(crashed, 'sh', '-c', `kill -9 ${pid}`);
    await lab.compose('pause', paused);
    await lab.compose('up', '--detach', '--force-recreate', '--no-deps', recreated);
    await lab.compose('unpause', paused);
    await everythingAnswers();
    t.not((await statusOf(crashed)).startedAt, startedAt);
    t.deepEqual(await identities(), before);
  },
);

// From here on with the second file, and services that are pods.

test.serial(
  'all that was taken down comes back with its identity and addresses, and services with labels are pods',
  async (t) => {
    const before = await identities();
    await lab.compose('down');
    lab.use('docker-compose.yml', 'docker-compose.attach.yml');
    await lab.compose('up', '--detach');
    await everythingAnswers(8);
    await eventually('the client is answered', async () => (await greeting('client')) === 'hello from web on n1');
    t.deepEqual(await identities(['web', 'client']), before);
  },
);

test.serial('services that were restarted, killed and made again have their addresses again', async (t) => {
  const before = await servicePods();
  await Promise.all([
    lab.compose('restart', 'client'),
    lab.compose('kill', 'web').then(async () => lab.compose('start', 'web')),
  ]);
  await lab.compose('up', '--detach', '--force-recreate', '--no-deps', 'client');
  await eventually('the client is answered', async () => (await greeting('client')) === 'hello from web on n1');
  await untilServicePods(before);
  t.pass();
});

test.serial('a policy lets one container reach another by their labels, and no third one', async (t) => {
  const third = ['--label', 'weft.pod=third', '--label', 'weft.node=n3', '--label', 'weft.label.app=third'];
  await runContainer('third', 'none', 'weft', third);
  const reaches = async (): Promise<boolean> => {
    return (
      (await engine.try('exec', 'third', 'curl', '--silent', '--max-time', '1', 'http://10.244.1.80')).exitCode === 0
    );
  };
  await eventually('without a policy, the third container reaches it', reaches);

  const apply = `cat << end | weft policy apply -f -\n${onlyClients}end\n`;
  t.is(await lab.exec('n3', 'sh', '-c', apply), 'networkpolicy default/web created\n');
  await eventually('the third container does not reach it', async () => !(await reaches()));
  await eventually('the client does', async () => (await greeting('client')) === 'hello from web on n1');
  t.false(await reaches());

  const ask = async (...argv: readonly string[]) => await lab.tryExec('n2', 'weft', 'policy', ...argv);
  await eventually('n2 knows the labels of all three', async () => {
    const [client, other] = await Promise.all(
      ['client', 'third'].map(async (pod) => ask('test', `default/${pod}`, 'default/web', '--dport', '80')),
    );
    return client!.exitCode === 0 && other!.exitCode === 1 && other!.stdout.includes('isolated by default/web');
  });
  const matrix = JSON.parse((await ask('matrix', '--dport', '80', '--json')).stdout) as PolicyMatrix;
  const open = matrix.cells.filter(({ to, allowed }) => to === 'default/web' && allowed).map(({ from }) => from);
  t.deepEqual(open, ['default/client']);
  await eventually('what it allowed and denied is counted', async () => {
    const { pods, rules, others } = JSON.parse((await ask('show', 'default/web', '--json')).stdout) as PolicyDetail;
    return pods.length === 1 && pods[0]!.pod === 'default/web' && rules[0]!.count > 0 && others[0]!.count > 0;
  });

  t.is(await lab.exec('n1', 'weft', 'policy', 'delete', 'default/web'), 'networkpolicy default/web deleted\n');
  await eventually('it is open again', reaches);
  await engine.docker('rm', '--force', 'third');
  await eventually('the third pod is gone', async () => !(await podsOf('n3')).some(({ name }) => name === 'third'));
});

test.serial('a service that is stopped is detached', async (t) => {
  const { hostDevice } = (await podsOf('n2')).find(({ name }) => name === 'client')!;
  const hasDevice = async (): Promise<boolean> => (await lab.exec('n2', 'ip', '-o', 'link')).includes(hostDevice);
  t.true(await hasDevice());
  await lab.compose('stop', 'client');
  await eventually('it is gone', async () => !(await podsOf('n2')).some(({ name }) => name === 'client'));
  await eventually('its device is gone', async () => !(await hasDevice()));
  await lab.compose('start', 'client');
  await eventually('the client is answered', async () => (await greeting('client')) === 'hello from web on n1');
});

test.serial('services stay pods while their node and their watch are made again', async (t) => {
  const before = await servicePods();
  await lab.compose('up', '--detach', '--force-recreate', '--no-deps', 'n1', 'n1-docker');
  await everythingAnswers(8);
  await eventually('the client is answered', async () => (await greeting('client')) === 'hello from web on n1');
  await untilServicePods(before);
  t.pass();
});

test.serial('a container is attached and detached by hand', async (t) => {
  await runContainer('by-hand', 'none');
  const byHand = ['weft', 'docker', 'attach', 'by-hand', '--name', 'hand', '--ip', '10.244.3.77'];
  t.regex(await lab.exec('n3-docker', ...byHand), /^by-hand is pod hand: 10\.244\.3\.77$/m);
  t.regex(await lab.exec('n3-docker', ...byHand), /^by-hand is pod hand/m, 'again does no harm');
  await eventually('it answers', async () => (await lab.tryExec('n1', 'weft', 'ping', '10.244.3.77')).exitCode === 0);
  t.is(
    await lab.exec('n3-docker', 'weft', 'docker', 'detach', 'by-hand'),
    'by-hand is detached: pod hand is removed\n',
  );
  t.is(await lab.exec('n3-docker', 'weft', 'docker', 'detach', 'by-hand'), 'by-hand was no pod\n');
});

test.serial('the host reaches pods by a route through a node', async (t) => {
  // As docs/containers.md has it. In the network of the engine, which is that of its host.
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const node = (await engine.docker('inspect', '--format', format, await lab.container('n1'))).trim();
  const script = `ip route add 10.244.0.0/16 via ${node} && curl --silent --max-time 30 http://10.244.2.10`;
  const host = ['--network', 'host', '--cap-add', 'NET_ADMIN', '--entrypoint', 'sh'];
  t.is(await engine.docker('run', '--rm', ...host, 'weft', '-c', script), 'hello from hello-2 on n2\n');
});

test.serial('what cannot be attached is refused, with what to do', async (t) => {
  await runContainer('on-host', 'host');
  await runContainer('on-bridge', 'bridge');
  await engine.docker('create', '--name', 'stopped', '--network', 'none', 'weft');
  const rows = [
    ['n3-docker', 'on-host', /on-host .* has the network of its host: .*network_mode: none/],
    ['n3-docker', 'on-bridge', /on-bridge .* has a network of its engine already .*network_mode: none/],
    ['n3-docker', 'stopped', /stopped .* does not run \(created\): start it first/],
    ['n3-docker', 'nobody', /has no container "nobody": docker ps/],
    ['n3', 'by-hand', /there is no engine at \/var\/run\/docker\.sock: start it, or/],
  ] as const;
  for (const [service, container, message] of rows) {
    const { exitCode, stderr } = await lab.tryExec(service, 'weft', 'docker', 'attach', container);
    t.is(exitCode, 1, container);
    t.regex(stderr, message);
  }
});

test.serial('a node that lacks rights says which, by name, and how a container gets them', async (t) => {
  const { exitCode, stderr } = await engine.try('run', '--rm', '--cap-drop', 'ALL', ...bareNode, 'weft');
  t.is(exitCode, 1);
  for (const right of ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN']) t.regex(stderr, new RegExp(`docker: --cap-add ${right}`));
  t.regex(stderr, /\/dev\/net\/tun .*docker: --device \/dev\/net\/tun/);
});

test.serial('a node that may not mount, and was not given its sysctls, says what to add', async (t) => {
  const profile = join(lab.directory, 'no-mount.json');
  const denied = [{ names: ['mount'], action: 'SCMP_ACT_ERRNO' }];
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: denied }));
  const rights = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'].flatMap((right) => ['--cap-add', right]);
  const options = ['--cap-drop', 'ALL', ...rights, '--device', '/dev/net/tun', '--security-opt', `seccomp=${profile}`];
  await engine.docker(
    'run',
    '--detach',
    '--name',
    'bare',
    '--sysctl',
    'net.ipv4.ip_forward=0',
    ...options,
    ...bareNode,
    'weft',
  );
  const ask = async (...argv: readonly string[]) => await engine.try('exec', 'bare', 'weft', ...argv);
  await eventually('it answers', async () => {
    if (await isRunning('bare')) return (await ask('status')).exitCode === 0;
    const { stdout, stderr } = await engine.try('logs', 'bare');
    throw new Error(`it ended: ${stdout}${stderr}`);
  });
  const wanted = [
    'net.ipv4.conf.default.accept_local=1',
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv6.conf.default.disable_ipv6=0',
  ];
  const given = async (): Promise<string[]> => {
    const { notices } = JSON.parse((await ask('status', '--json')).stdout) as Status;
    return notices.flatMap(({ message }) => message.match(/(?<=--sysctl )[^\s,]+/g) ?? []).toSorted();
  };
  await eventually('all are looked at', async () => (await given()).length >= wanted.length);
  t.deepEqual(await given(), wanted);
  const { exitCode, stderr } = await ask('pod', 'add', 'web', '--new');
  t.is(exitCode, 1);
  t.regex(stderr, /mounting it at \/run\/netns\/web is forbidden; .*apparmor=unconfined.*--pid/);
});

test.serial('a label counts if somebody gave it to the container, not if it came with the image', async (t) => {
  const dockerfile = 'FROM weft\nLABEL weft.pod=stranger weft.node=n3\n';
  writeFileSync(join(lab.directory, 'Dockerfile.stranger'), dockerfile);
  await engine.docker(
    'build',
    '--tag',
    'stranger',
    '--file',
    join(lab.directory, 'Dockerfile.stranger'),
    lab.directory,
  );
  await runContainer('from-stranger', 'none', 'stranger');
  await eventually('the watch says so', async () =>
    /from-stranger .* is left alone: its image has the label weft\.pod/.test(await lab.compose('logs', 'n3-docker')),
  );
  t.false((await podsOf('n3')).some(({ name }) => name === 'stranger'));
});

test.serial('after the engine was killed and came back, all is as it was', async (t) => {
  const [nodes, pods] = [await identities(['web', 'client']), await servicePods()];
  await engine.kill();
  await engine.run();
  await everythingAnswers(8);
  await eventually('the client is answered', async () => (await greeting('client')) === 'hello from web on n1');
  await untilServicePods(pods);
  t.deepEqual(await identities(['web', 'client']), nodes);
});

/** Containers are started here, on a machine that is busy with other tests: that takes a second, or half a minute. */
async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  await until(what, condition, START_DEADLINE_MS);
}

async function everythingAnswers(podCount = 6): Promise<void> {
  await eventually('every pod answers every other', async () => {
    const { exitCode, stdout } = await lab.tryExec('n1', 'weft', 'matrix', '--count', '1');
    return exitCode === 0 && stdout.includes(`3 nodes, ${podCount} pods`);
  });
}

async function statusOf(node: string): Promise<Status> {
  return JSON.parse(await lab.exec(node, 'weft', 'status', '--json')) as Status;
}

async function podsOf(node: string): Promise<Pod[]> {
  return JSON.parse(await lab.exec(node, 'weft', 'pod', 'list', '--json')) as Pod[];
}

/** What must not change: who each node is, and the addresses of its pods, but for those that are left out. */
async function identities(without: readonly string[] = []): Promise<readonly unknown[]> {
  return await Promise.all(
    NODES.map(async (node) => {
      const [{ identity }, pods] = await Promise.all([statusOf(node), podsOf(node)]);
      return [identity, ...addressesOf(pods.filter(({ name }) => !without.includes(name)))];
    }),
  );
}

/** The services that are pods, and their addresses. */
async function servicePods(): Promise<readonly string[]> {
  const pods = await Promise.all([podsOf('n1'), podsOf('n2')]);
  return addressesOf(pods.flat().filter(({ name, state }) => ['web', 'client'].includes(name) && state === 'running'));
}

/** Waits until the services are pods with these addresses: the watch hears of what became of each container, one after the other. */
async function untilServicePods(wanted: readonly string[]): Promise<void> {
  let last: readonly string[] = [];
  await eventually(`the services are ${wanted.join(', ')}`, async () => {
    last = await servicePods();
    return isDeepStrictEqual(last, wanted);
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; they are ${last.join(', ')}`, { cause: error });
  });
}

function addressesOf(pods: readonly Pod[]): string[] {
  return pods.map(({ name, addresses }) => [name, ...addresses].join(' ')).toSorted();
}

/** What a service is told by `web`, by its name: the resolver of the service's container is its node. */
async function greeting(service: string): Promise<string> {
  const url = 'http://web.weft.internal';
  return (await lab.tryExec(service, 'curl', '--silent', '--max-time', '1', url)).stdout.trim();
}

/** A container that is there, and does nothing. */
async function runContainer(
  name: string,
  network: string,
  image = 'weft',
  options: readonly string[] = [],
): Promise<void> {
  const all = ['--detach', '--name', name, '--network', network, '--entrypoint', 'sleep', ...options];
  await engine.docker('run', ...all, image, '600');
}

async function isRunning(name: string): Promise<boolean> {
  return (await engine.docker('inspect', '--format', '{{.State.Running}}', name)).trim() === 'true';
}

async function healthOf(node: string): Promise<string> {
  return (await engine.docker('inspect', '--format', '{{.State.Health.Status}}', await lab.container(node))).trim();
}
