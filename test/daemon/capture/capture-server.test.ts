import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CAPTURE_HEADER, type CaptureSpec } from '../../../src/api/capture-api.ts';
import { CaptureDoor } from '../../../src/daemon/capture/capture-door.ts';
import { CaptureQueue } from '../../../src/daemon/capture/capture-queue.ts';
import { CaptureServer } from '../../../src/daemon/capture/capture-server.ts';
import { ExhaustedError } from '../../../src/errors.ts';
import { adoptSocket, releaseSocket } from '../../../src/linux/socket-handover.ts';

const most = (): number => 8;

const head = { capture: 3, node: 'n1', clockOffsetNs: 0, clockUncertaintyNs: 0 };

/** A door, and a server behind it whose captures give what the test puts into their queue. */
async function rig(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-door-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'weft-capture.sock');
  const abandoned = Promise.withResolvers<void>();
  const queue = new CaptureQueue(() => abandoned.resolve());
  const begun: [CaptureSpec, string][] = [];
  const left = Promise.withResolvers<void>();
  const server = new CaptureServer(
    {
      overview: async () => await Promise.resolve({ node: 'n1', nodes: ['n1', 'n2'], captures: [] }),
      begin: async (spec, client) => {
        if (spec.pod === 'full') throw new ExhaustedError('captures-full', 'n1 has 8 captures already');
        begun.push([spec, client]);
        return await Promise.resolve({ head, chunks: queue });
      },
      end: async (capture) => await Promise.resolve(capture === 3),
    },
    4,
    () => left.resolve(),
  );
  // As if another thread served them.
  const door = await CaptureDoor.open(path, (client) => server.serve(adoptSocket(releaseSocket(client))), most);
  t.teardown(() => door.close());
  t.teardown(async () => server.close());
  return { path, queue, begun, abandoned: abandoned.promise, left: left.promise, server, door };
}

interface Answer {
  readonly status: number;
  readonly head: string | undefined;
  readonly text: string;
}

async function ask(socketPath: string, method: string, path: string, body = ''): Promise<Answer> {
  const headers = { 'weft-client-pid': '7', 'weft-client-user': 'ada' };
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode!, head: response.headers[CAPTURE_HEADER]?.toString(), text }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('a capture is streamed to its end, with its head before it; who asks is passed on', async (t) => {
  const { path, queue, begun } = await rig(t);
  queue.write(Buffer.from('some '));
  queue.flush();
  queue.write(Buffer.from('packets'));
  queue.end();
  const { status, head: said, text } = await ask(path, 'POST', '/v1/captures', '{"count":5}');
  t.is(status, 200);
  t.deepEqual(JSON.parse(said!), head);
  t.is(text, 'some packets');
  t.deepEqual(begun, [[{ count: 5 }, 'ada, pid 7']]);
});

test('a client that goes away ends its capture', async (t) => {
  const { path, abandoned } = await rig(t);
  const outgoing = request({ socketPath: path, method: 'POST', path: '/v1/captures', agent: false }, (response) => {
    response.on('error', () => undefined);
    outgoing.destroy();
  });
  outgoing.on('error', () => undefined);
  outgoing.end('{}');
  await abandoned;
  t.pass();
});

const answers = test.macro<[method: string, path: string, body: string, status: number, code: string]>({
  async exec(t, method, path, body, status, code) {
    const { path: socket, begun } = await rig(t);
    const answer = await ask(socket, method, path, body);
    t.is(answer.status, status);
    t.is((JSON.parse(answer.text) as { error: { code: string } }).error.code, code);
    t.deepEqual(begun, []);
  },
  title: (name) => `${name} is refused`,
});

test('a key that does not exist', answers, 'POST', '/v1/captures', '{"filters":1}', 400, 'config-invalid');
test('what is not JSON', answers, 'POST', '/v1/captures', 'tcp port 80', 400, 'request-invalid');
test('a path that does not exist', answers, 'GET', '/v1/status', '', 404, 'not-found');
test('one capture too many', answers, 'POST', '/v1/captures', '{"pod":"full"}', 507, 'captures-full');

test('what can be captured is said, and captures are ended by their number', async (t) => {
  const { path } = await rig(t);
  t.deepEqual(JSON.parse((await ask(path, 'GET', '/v1/captures')).text), {
    node: 'n1',
    nodes: ['n1', 'n2'],
    captures: [],
  });
  t.is((await ask(path, 'DELETE', '/v1/captures/3')).text, '{"ended":true}\n');
  t.is((await ask(path, 'DELETE', '/v1/captures/4')).text, '{"ended":false}\n');
});

test('the socket is for its owner alone, and gone with the door', async (t) => {
  const { path, door } = await rig(t);
  t.is(statSync(path).mode & 0o777, 0o600);
  await t.throwsAsync(async () => CaptureDoor.open(path, () => undefined, most), { code: 'socket-in-use' });
  door.close();
  t.false(existsSync(path));
});

test('who was answered is gone, and that is said', async (t) => {
  const { path, server, left } = await rig(t);
  await ask(path, 'GET', '/v1/captures');
  await left;
  t.is(server.clients, 0);
});

test('a client that often reads slowly leaves nothing behind each time', async (t) => {
  const { path, queue } = await rig(t);
  const warnings: Error[] = [];
  const hear = (warning: Error): void => void warnings.push(warning);
  process.on('warning', hear);
  t.teardown(() => process.off('warning', hear));
  const megabytes = 40;
  for (let count = 0; count < megabytes; count++) queue.write(Buffer.alloc(1_048_576));
  queue.end();
  const { text } = await ask(path, 'POST', '/v1/captures', '{}');
  t.is(text.length, megabytes * 1_048_576);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(warnings, []);
});

test('what is left of a capture is still read when the server closes', async (t) => {
  const { path, queue, server } = await rig(t);
  const bytes = 4_194_304;
  queue.write(Buffer.alloc(bytes));
  const answer = ask(path, 'POST', '/v1/captures', '{}');
  // Until the server has begun to send.
  while (!queue.hasRoom) await new Promise((resolve) => setImmediate(resolve));
  queue.end();
  await server.close();
  t.is((await answer).text.length, bytes);
});

test('a capture that nobody ended does not keep the server open', async (t) => {
  const { path, server, begun, abandoned } = await rig(t);
  void ask(path, 'POST', '/v1/captures', '{}');
  while (begun.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  await abandoned;
  t.is(server.clients, 0);
});
