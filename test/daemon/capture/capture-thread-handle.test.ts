import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CaptureDoor } from '../../../src/daemon/capture/capture-door.ts';
import { CaptureThread, type CaptureThreadListener } from '../../../src/daemon/capture/capture-thread-handle.ts';

const overview = { node: 'n1', nodes: ['n1'], captures: [] };

/** A thread with a door before it. */
async function rig(t: ExecutionContext, idleMs: number, listener: Partial<CaptureThreadListener> = {}) {
  const idle = Promise.withResolvers<void>();
  const thread = new CaptureThread(
    { nodeName: 'n1', version: '0', idleMs, mostClients: 8 },
    {
      answer: () => ({ kind: 'overview', overview }),
      ended: () => undefined,
      idle: () => idle.resolve(),
      died: (error) => t.fail(error.message),
      ...listener,
    },
  );
  t.teardown(async () => thread.close());
  await thread.ready();
  const directory = mkdtempSync(join(tmpdir(), 'weft-thread-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'capture.sock');
  const door = await CaptureDoor.open(
    socketPath,
    (client) => thread.admit(client),
    () => 8,
  );
  t.teardown(() => door.close());
  return { thread, socketPath, idle: idle.promise };
}

/** The answer of `GET /v1/captures`, as soon as it is there. */
async function ask(socketPath: string): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: '/v1/captures', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test('a client that came in by the door is served by the thread, which says when it has nobody left', async (t) => {
  const { socketPath, idle } = await rig(t, 20);
  t.deepEqual(await ask(socketPath), overview);
  t.deepEqual(await ask(socketPath), overview);
  await idle;
});

test('a client that is served keeps it', async (t) => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let isIdle = false;
  const { socketPath } = await rig(t, 1, {
    answer: async () => {
      asked.resolve();
      await release.promise;
      return { kind: 'overview', overview };
    },
    idle: () => (isIdle = true),
  });
  const answer = ask(socketPath);
  await asked.promise;
  isIdle = false;
  const later = await rig(t, 1);
  // That one, which began to wait later, has given up.
  await later.idle;
  t.false(isIdle);
  release.resolve();
  t.deepEqual(await answer, overview);
});

test('a client that hangs up before it is served is nobody', async (t) => {
  const { socketPath, idle } = await rig(t, 20);
  const outgoing = request({ socketPath, path: '/v1/captures', agent: false });
  const failed = once(outgoing, 'error');
  outgoing.flushHeaders();
  outgoing.destroy(new Error('gone'));
  await failed;
  await idle;
  t.deepEqual(await ask(socketPath), overview);
});
