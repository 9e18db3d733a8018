import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ControlClient } from '../../../src/client/control-client.ts';
import { ControlServer } from '../../../src/daemon/control/control-server.ts';
import { MAX_BODY_BYTES } from '../../../src/daemon/doors/http-exchange.ts';
import type { Key } from '../../../src/api/control-api.ts';
import { WeftError } from '../../../src/errors.ts';
import { keyOf } from '../../support/cluster-keys.ts';
import {
  fixedDigest,
  fixedDrops,
  fixedEvents,
  fixedFault,
  fixedHandlers,
  fixedPeers,
  fixedKeys,
  fixedPod,
  fixedRoutes,
  fixedStatus,
} from '../../support/fixed-handlers.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-control-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const most = (): number => 8;

const ignore = (): void => undefined;

let sockets = 0;

/** A server that is closed with the test. */
async function open(t: ExecutionContext, readOnly = false, socketPath = join(directory, `${sockets++}.sock`)) {
  const { handlers, seen } = fixedHandlers();
  const server = await ControlServer.open({ socketPath, readOnly, handlers, most });
  t.teardown(async () => await server.close());
  return { socketPath, server, seen, client: new ControlClient(socketPath) };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly error: { code: string; message: string; details: Record<string, unknown> };
}

/** An exchange as any HTTP client would make it. */
async function exchange(socketPath: string, method: string, path: string, body = ''): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const { error } = JSON.parse(text) as Pick<Answer, 'error'>;
        resolve({ status: response.statusCode!, headers: response.headers, error });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('reading gives what the daemon says', async (t) => {
  const { client } = await open(t);
  t.deepEqual(await client.status(), fixedStatus);
  t.deepEqual(await client.peers(), [...fixedPeers]);
  t.deepEqual(await client.routes(), [...fixedRoutes]);
  t.deepEqual(await client.pods(), [fixedPod]);
  t.deepEqual(await client.version(), { version: '0.1.0', node: '24.0.0' });
  t.regex(await client.metrics(), /^weft_build_info/m);
});

test('a pod is added with its request and the pid of the client', async (t) => {
  const { client, seen } = await open(t);
  const pod = await client.addPod('db', { newNetns: true, addresses: ['10.244.1.9'] });
  t.is(pod.name, 'db');
  t.deepEqual(seen, [{ name: 'db', request: { newNetns: true, addresses: ['10.244.1.9'] }, clientPid: process.pid }]);
});

test('removing says whether there was one', async (t) => {
  const { client } = await open(t);
  t.true(await client.removePod('web'));
  t.false(await client.removePod('other'));
  t.false(await client.removePod('web', 'shop'));
  await t.throwsAsync(client.removePod('web', 'Shop'), { message: /^namespace: "Shop" is not a namespace for pods/ });
});

test('keys are added, used and removed by their ids', async (t) => {
  const { client, seen } = await open(t);
  const [{ id }] = fixedKeys as [Key];
  t.deepEqual(await client.keys(), [...fixedKeys]);
  await client.addKey({ key: Buffer.alloc(32, 1).toString('base64') });
  await client.useKey(id, false);
  t.true(await client.removeKey(id, true));
  t.false(await client.removeKey('0123456789abcdef', false));
  t.deepEqual(seen, [
    { name: keyOf(1).id },
    { name: id, request: { force: false } },
    { name: id, request: { force: true } },
    { name: '0123456789abcdef', request: { force: false } },
  ]);
});

test('faults are injected, listed and ended, and drops are read', async (t) => {
  const { client, seen } = await open(t);
  const request = { direction: 'out', peer: 'n2', lossRatio: 0.05 } as const;
  t.deepEqual(await client.addFault(request), fixedFault);
  t.deepEqual(await client.faults(), [fixedFault]);
  t.deepEqual(await client.removeFault(3), fixedFault);
  t.deepEqual(await client.clearFaults(), [fixedFault]);
  t.deepEqual(await client.drops({ limit: '5', since: '2026-01-03T00:00:00Z' }), fixedDrops);
  t.deepEqual(seen, [{ name: 'add', request }, { name: '3' }, { name: 'all' }]);
});

test('what is no key is refused without a word of what it was', async (t) => {
  const { client } = await open(t);
  for (const key of ['c2VjcmV0', '', 'secret '.repeat(9)]) {
    const error = await t.throwsAsync(client.addKey({ key }), { code: 'config-invalid' });
    t.is(error.message, 'key: is not 32 bytes in base64: make one with "weft key generate"');
  }
  await t.throwsAsync(client.useKey('n2', false), { message: 'id: n2 is not the id of a key: 16 hexadecimal digits' });
});

test('the read-only socket reads and does not change anything', async (t) => {
  const { client, seen } = await open(t, true);
  t.deepEqual(await client.status(), fixedStatus);
  await t.throwsAsync(client.addPod('db', { newNetns: true }), { code: 'read-only-socket' });
  await t.throwsAsync(client.removePod('web'), { code: 'read-only-socket' });
  await t.throwsAsync(client.audit(), { code: 'read-only-socket' });
  await t.throwsAsync(client.forgetPeer('n9'), { code: 'read-only-socket' });
  await t.throwsAsync(client.useKey(fixedKeys[0]!.id, false), { code: 'read-only-socket' });
  t.deepEqual(seen, []);
});

test('the socket is for its owner, the read-only one for its group, too', async (t) => {
  const everything = await open(t);
  const reading = await open(t, true);
  t.is(statSync(everything.socketPath).mode & 0o777, 0o600);
  t.is(statSync(reading.socketPath).mode & 0o777, 0o660);
});

test('opening a socket leaves the mask for new files as it was', async (t) => {
  const before = process.umask();
  await open(t);
  t.is(process.umask(), before);
});

test('the directory of the socket is made', async (t) => {
  const { client } = await open(t, false, join(directory, 'run', 'weft', 'weft.sock'));
  t.is((await client.version()).version, '0.1.0');
  t.is(statSync(join(directory, 'run', 'weft')).mode & 0o777, 0o755);
});

test('a socket that somebody listens on is not taken over', async (t) => {
  const { socketPath, client } = await open(t);
  const { handlers } = fixedHandlers();
  const error = await t.throwsAsync(ControlServer.open({ socketPath, readOnly: false, handlers, most }), {
    instanceOf: WeftError,
  });
  t.is(error.code, 'socket-in-use');
  // This test listens, which node runs.
  t.regex(
    error.message,
    new RegExp(`\\(\\S+, pid ${process.pid}\\): stop it, or set control\\.socket to another path$`),
  );
  t.is((await client.version()).version, '0.1.0');
});

test('a socket file that nobody listens on is taken over', async (t) => {
  const socketPath = join(directory, 'stale.sock');
  await leaveStaleSocket(socketPath);
  const { client } = await open(t, false, socketPath);
  t.is((await client.version()).version, '0.1.0');
});

test('a file that is no socket is left alone', async (t) => {
  const socketPath = join(directory, 'precious');
  writeFileSync(socketPath, 'data');
  const { handlers } = fixedHandlers();
  await t.throwsAsync(ControlServer.open({ socketPath, readOnly: false, handlers, most }), { code: 'socket-in-use' });
  t.true(existsSync(socketPath));
});

test('a path where there can be no socket is the fault of its key', async (t) => {
  const file = join(directory, 'a-file');
  writeFileSync(file, '');
  const { handlers } = fixedHandlers();
  const error = await t.throwsAsync(
    ControlServer.open({ socketPath: join(file, 's'), readOnly: true, handlers, most }),
  );
  t.regex(error.message, /^control\.readOnlySocket: there can be no socket .*: (ENOTDIR|EEXIST)/);
});

test('closing removes the socket file', async (t) => {
  const { handlers } = fixedHandlers();
  const socketPath = join(directory, 'closing.sock');
  const server = await ControlServer.open({ socketPath, readOnly: false, handlers, most });
  await server.close();
  t.false(existsSync(socketPath));
  await t.throwsAsync(new ControlClient(socketPath).version(), { code: 'daemon-not-running' });
});

const POD = JSON.stringify({ newNetns: true });
const UNKNOWN_PEER = '{"direction":"in","lossRatio":1,"peer":"n9"}';

const refuses = test.macro<[string, string, string, number, string]>({
  exec: async (t, method, path, body, status, code) => {
    const { socketPath } = await open(t);
    const answer = await exchange(socketPath, method, path, body);
    t.is(answer.error.code, code);
    t.is(answer.status, status);
  },
  title: (name, _method, _path, _body, status) => `${name} is answered by ${status}`,
});

test('a path that does not exist', refuses, 'GET', '/v2/status', '', 404, 'not-found');
test('a method that a path does not have', refuses, 'POST', '/v1/status', '', 405, 'method-not-allowed');
test('reading one pod', refuses, 'GET', '/v1/pods/web', '', 405, 'method-not-allowed');
test('a pod name that is a path', refuses, 'PUT', '/v1/pods/..%2F..%2Fetc', POD, 400, 'config-invalid');
test('a pod name that is badly escaped', refuses, 'PUT', '/v1/pods/%zz', POD, 400, 'config-invalid');
test('an empty pod name', refuses, 'DELETE', '/v1/pods/', '', 400, 'config-invalid');
test('a pod name that is too long', refuses, 'DELETE', `/v1/pods/${'x'.repeat(129)}`, '', 400, 'config-invalid');
test('a body that is not JSON', refuses, 'PUT', '/v1/pods/a', '{', 400, 'request-invalid');
test('a body that is a list', refuses, 'PUT', '/v1/pods/a', '[]', 400, 'request-invalid');
test(
  'a body that is too large',
  refuses,
  'PUT',
  '/v1/pods/a',
  'x'.repeat(MAX_BODY_BYTES + 1),
  413,
  'request-too-large',
);
test('an unknown key', refuses, 'PUT', '/v1/pods/a', '{"netsn":"a"}', 400, 'config-invalid');
test('a key of the wrong type', refuses, 'PUT', '/v1/pods/a', '{"pid":"1"}', 400, 'config-invalid');
test('an address that is taken', refuses, 'PUT', '/v1/pods/taken', POD, 409, 'address-taken');
test('a pool that is empty', refuses, 'PUT', '/v1/pods/full', POD, 507, 'pool-exhausted');
test('a bug', refuses, 'PUT', '/v1/pods/bug', POD, 500, 'internal');

test('events of an unknown kind', refuses, 'GET', '/v1/events?kind=member,flood', '', 400, 'config-invalid');
test('events since no time', refuses, 'GET', '/v1/events?since=noon', '', 400, 'config-invalid');
test('events after no number', refuses, 'GET', '/v1/events?after=-1', '', 400, 'config-invalid');
test('events by an unknown key', refuses, 'GET', '/v1/events?until=2026-01-01', '', 400, 'config-invalid');
test('a fault of a peer that nobody knows', refuses, 'POST', '/v1/faults', UNKNOWN_PEER, 404, 'peer-unknown');
test('a fault that does nothing', refuses, 'POST', '/v1/faults', '{"direction":"in"}', 400, 'config-invalid');
test('a fault without a number', refuses, 'DELETE', '/v1/faults/all', '', 400, 'config-invalid');
test('more drops than there are', refuses, 'GET', '/v1/drops?limit=1001', '', 400, 'config-invalid');
test('forgetting a node that is alive', refuses, 'DELETE', '/v1/peers/n2', '', 409, 'peer-alive');

test('events are filtered by what the client asks', async (t) => {
  const { client } = await open(t);
  t.deepEqual(await client.events(), fixedEvents);
  t.deepEqual(await client.events({ after: 1 }), fixedEvents.slice(1));
  t.deepEqual(await client.events({ since: fixedEvents[1]!.time }), fixedEvents.slice(1));
  t.deepEqual(await client.events({ kind: 'member,audit' }), fixedEvents.slice(0, 1));
});

test('digest, audit and the order to forget reach the client', async (t) => {
  const { client, seen } = await open(t);
  t.deepEqual(await client.digest(), fixedDigest);
  t.is((await client.lastAudit()).trigger, 'periodic');
  t.is((await client.audit()).trigger, 'request');
  t.deepEqual(await client.forgetPeer('n 9'), [{ name: 'n 9', identity: fixedPeers[0]!.identity }]);
  t.deepEqual(seen, [{ name: 'n 9' }]);
});

test('the answer to an unknown path lists those that exist', async (t) => {
  const { socketPath } = await open(t);
  const { error } = await exchange(socketPath, 'GET', '/');
  t.true((error.details['paths'] as string[]).includes('GET /v1/status'));
});

test('the answer to a method that does not exist names those that do', async (t) => {
  const { socketPath } = await open(t);
  const { headers } = await exchange(socketPath, 'POST', '/v1/pods/web');
  t.is(headers['allow'], 'PUT, DELETE');
});

test('the details of an error reach the client', async (t) => {
  const { client } = await open(t);
  const error = await t.throwsAsync(client.addPod('taken', { newNetns: true }), { instanceOf: WeftError });
  t.is(error.message, '10.244.1.2 is leased to web');
  t.deepEqual(error.details, { pod: 'web' });
});

test('a bug is told to the log and not to the client', async (t) => {
  const socketPath = join(directory, 'bug.sock');
  const logged: object[] = [];
  const logger = { debug: ignore, info: ignore, warn: ignore, error: (fields: object) => void logged.push(fields) };
  const server = await ControlServer.open({
    socketPath,
    readOnly: false,
    handlers: fixedHandlers().handlers,
    logger,
    most,
  });
  t.teardown(async () => await server.close());
  const error = await t.throwsAsync(new ControlClient(socketPath).addPod('bug', { newNetns: true }));
  t.is(error.message, 'weft has a bug: see the log of the daemon');
  t.is(logged.length, 1);
});

test('a daemon that does not answer is not waited for for ever', async (t) => {
  const socketPath = join(directory, 'silent.sock');
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(socketPath, resolve));
  t.teardown(() => silent.close());
  const client = new ControlClient(socketPath, { timeoutMs: 50 });
  await t.throwsAsync(client.status(), { code: 'daemon-timeout' });
});

test('a missing socket is named, with where it was looked for', async (t) => {
  const client = new ControlClient('/nowhere/weft.sock', { origin: 'from WEFT_SOCKET' });
  await t.throwsAsync(client.status(), {
    code: 'daemon-not-running',
    message: 'no daemon at /nowhere/weft.sock (from WEFT_SOCKET): there is no such socket',
  });
});

/** As a daemon leaves it that was killed: libuv removes the file when a server closes, so here it keeps a second name. */
async function leaveStaleSocket(socketPath: string): Promise<void> {
  const server = createServer();
  const first = `${socketPath}.first`;
  await new Promise<void>((resolve) => server.listen(first, resolve));
  linkSync(first, socketPath);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
