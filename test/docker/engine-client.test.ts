import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { EngineClient } from '../../src/docker/engine-client.ts';
import { engineSocket } from '../../src/docker/engine-socket.ts';
import { WeftError } from '../../src/errors.ts';

const ID = 'ab'.repeat(32);

/** As an engine says it, with more than is looked at. */
const described = {
  Id: ID,
  Name: '/web',
  Image: 'sha256:cafe',
  State: { Status: 'running', Running: true, Paused: false, Pid: 4711 },
  Config: { Labels: { 'weft.pod': 'web', 'weft.ip': '10.0.0.9' }, Cmd: ['sh'] },
  HostConfig: { NetworkMode: 'none' },
};

/** A client of an engine that answers like this, on a socket of its own. */
async function clientOf(t: ExecutionContext, answer: RequestListener): Promise<EngineClient> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-engine-client-'));
  const server = createServer(answer);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const socket = join(directory, 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return new EngineClient(socket);
}

test('a container is described, without the labels of its image', async (t) => {
  const client = await clientOf(t, ({ url }, response) => {
    if (url === '/containers/web/json') response.end(JSON.stringify(described));
    else if (url === '/images/sha256%3Acafe/json') response.end('{"Config":{"Labels":{"weft.ip":"10.0.0.9"}}}');
    else response.writeHead(500).end();
  });
  t.deepEqual(await client.container('web'), {
    id: ID,
    name: 'web',
    status: 'running',
    isRunning: true,
    pid: 4711,
    networkMode: 'none',
    labels: { 'weft.pod': 'web' },
  });
});

test('a name with anything in it asks for that container, and for nothing else', async (t) => {
  const asked: string[] = [];
  const client = await clientOf(t, ({ url }, response) => {
    asked.push(url ?? '');
    response.writeHead(404).end('{}');
  });
  const error = await t.throwsAsync(client.container('../images/x?force=1'), { instanceOf: WeftError });
  t.is(error.code, 'container-not-found');
  t.deepEqual(asked, ['/containers/..%2Fimages%2Fx%3Fforce%3D1/json']);
});

test('running containers with a label are listed', async (t) => {
  const client = await clientOf(t, ({ url }, response) => {
    const { searchParams } = new URL(url ?? '', 'http://docker');
    t.deepEqual(JSON.parse(searchParams.get('filters') ?? ''), { label: ['weft.pod'], status: ['running'] });
    response.end(JSON.stringify([{ Id: ID, Names: ['/web'] }]));
  });
  t.deepEqual(await client.runningWithLabel('weft.pod'), [ID]);
});

test('events are told as they come, until the engine has no more', async (t) => {
  const client = await clientOf(t, (_request, response) => {
    response.write('{"Type":"container"');
    response.write('}\n{"Type":"container"}\n');
    setImmediate(() => response.end('{"Type":"container"}\n'));
  });
  const told: string[] = [];
  await client.containerEvents(
    () => told.push('open'),
    () => told.push('event'),
    new AbortController().signal,
  );
  t.is(told[0], 'open');
  t.true(told.filter((one) => one === 'event').length >= 1);
});

test('who waits for events can stop waiting', async (t) => {
  const client = await clientOf(t, (_request, response) => response.flushHeaders());
  const ending = new AbortController();
  await t.notThrowsAsync(
    client.containerEvents(
      () => ending.abort(),
      () => {},
      ending.signal,
    ),
  );
});

const strange = test.macro({
  exec: async (t, answer: RequestListener) => {
    const client = await clientOf(t, answer);
    const error = await t.throwsAsync(client.container('web'), { instanceOf: WeftError });
    t.is(error.code, 'engine-unreachable');
    t.true(error.message.includes(client.socketPath));
  },
  title: (name) => `${name} is not taken for an engine`,
});

test('what gives no JSON', strange, (_request, response) => response.end('hello'));
test('what describes no container', strange, (_request, response) => response.end('{"Id":"x"}'));
test('what fails', strange, (_request, response) => response.writeHead(500).end());
test('what hangs up', strange, (request) => request.socket.destroy());

test('where there is no engine, it is said what to do', async (t) => {
  const error = await t.throwsAsync(new EngineClient('/nowhere/docker.sock').container('web'), {
    instanceOf: WeftError,
  });
  t.is(error.code, 'engine-not-running');
  t.is(
    error.message,
    'there is no engine at /nowhere/docker.sock: start it, or name its socket with --engine or DOCKER_HOST; in a container, mount it',
  );
});

test('the socket is the one that a person names, else that of DOCKER_HOST, else the usual one', (t) => {
  t.is(engineSocket('/a.sock', 'unix:///b.sock'), '/a.sock');
  t.is(engineSocket('unix:///a.sock', undefined), '/a.sock');
  t.is(engineSocket(undefined, 'unix:///b.sock'), '/b.sock');
  t.is(engineSocket(undefined, ''), '/var/run/docker.sock');
  const error = t.throws(() => engineSocket(undefined, 'tcp://10.0.0.1:2375'), { instanceOf: WeftError });
  t.regex(error.message, /DOCKER_HOST is "tcp:\/\/10\.0\.0\.1:2375": weft attaches containers of this machine only/);
});
