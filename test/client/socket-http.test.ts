import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { AnswerError, askSocket, type SocketAnswer, type SocketRequest } from '../../src/client/socket-http.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-socket-http-'));
test.after.always(() => rmSync(directory, { recursive: true }));

let sockets = 0;

async function listening(t: ExecutionContext, server: Server): Promise<string> {
  const socketPath = join(directory, `${sockets++}.sock`);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(() => server.close());
  return socketPath;
}

/** Path of a server that writes these parts, each for itself, and hangs up. */
async function saying(t: ExecutionContext, ...parts: readonly string[]): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => void writeEach(socket, parts));
  });
  return await listening(t, server);
}

async function writeEach(socket: Socket, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    socket.write(part);
    await setImmediate();
  }
  socket.end();
}

async function ask(socketPath: string, change: Partial<SocketRequest> = {}): Promise<SocketAnswer> {
  const usual = { method: 'GET', path: '/', headers: {}, body: '', timeoutMs: 60_000, onTimeout: () => undefined };
  return await askSocket({ socketPath, ...usual, ...change }).answer;
}

test('a server of Node understands it, and is understood', async (t) => {
  const server = createHttpServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (text += part));
    request.on('end', () => {
      const { method, url, headers } = request;
      const body = JSON.stringify({ method, url, 'x-own': headers['x-own'], text });
      response.writeHead(201, { 'content-length': Buffer.byteLength(body) }).end(body);
    });
  });
  const socketPath = await listening(t, server);
  const change = { method: 'POST', path: '/a%20b?c=d', headers: { 'x-own': 7 }, body: '{"name":"wéft"}' };
  const { status, text } = await ask(socketPath, change);
  t.is(status, 201);
  t.deepEqual(JSON.parse(text), { method: 'POST', url: '/a%20b?c=d', 'x-own': '7', text: '{"name":"wéft"}' });
});

test('an answer of some megabytes arrives whole', async (t) => {
  const long = Array.from({ length: 400_000 }, (_, index) => `${index} ä`).join('\n');
  const server = createHttpServer((_request, response) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(long) }).end(long);
  });
  const { text } = await ask(await listening(t, server));
  // Not shown in full when it differs.
  t.true(text === long);
});

test('an answer may come byte by byte, and be followed by what nobody asked for', async (t) => {
  const answer = 'HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Length: 3\r\n\r\nno!and more';
  t.deepEqual(await ask(await saying(t, ...answer.split(''))), { status: 404, text: 'no!' });
  t.deepEqual(await ask(await saying(t, answer)), { status: 404, text: 'no!' });
});

test('an answer that is not whole is none', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno';
  for (const said of [answer, answer.slice(0, 20), answer.slice(0, 3), '']) {
    await t.throwsAsync(ask(await saying(t, said)), { code: 'ECONNRESET' }, said);
  }
});

test('what is no HTTP, or endless, or without a length is told apart', async (t) => {
  const strangers = [
    'SSH-2.0-OpenSSH_9.2\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
    'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}',
    'HTTP/1.1 two hundred\r\nContent-Length: 2\r\n\r\n{}',
  ];
  for (const said of strangers) {
    await t.throwsAsync(ask(await saying(t, said)), { instanceOf: AnswerError }, said.slice(0, 40));
  }
});

test('silence is told, and ends when somebody says so', async (t) => {
  const socketPath = await listening(
    t,
    createServer((socket) => socket.on('error', () => undefined)),
  );
  const exchange = askSocket({
    socketPath,
    method: 'GET',
    path: '/',
    headers: {},
    body: '',
    timeoutMs: 20,
    onTimeout: () => exchange.abandon(new Error('enough')),
  });
  await t.throwsAsync(exchange.answer, { message: 'enough' });
});

test('a path that would end the line is not sent', async (t) => {
  const socketPath = await saying(t, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  for (const path of ['/a b', '/a\r\nx: y', 'a', '/ä']) {
    await t.throwsAsync(ask(socketPath, { path }), { instanceOf: TypeError }, path);
  }
});
