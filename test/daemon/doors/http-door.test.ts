import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { HttpDoor, type HttpDoorOptions } from '../../../src/daemon/doors/http-door.ts';
import { until } from '../../support/until.ts';

const MOST = 4;
const BIG = 'x'.repeat(16_000_000);

/** A door on loopback. `/wait` is answered when the test says so, `/big` with more than any buffer takes. */
async function rig(t: ExecutionContext, options: Partial<HttpDoorOptions> = {}) {
  const finish = Promise.withResolvers<void>();
  const asked: string[] = [];
  const machine = { most: MOST, full: 0 };
  const door = new HttpDoor({
    most: () => machine.most,
    onFull: () => machine.full++,
    respond: async ({ url = '' }, body, response) => {
      asked.push(`${url} ${body}`);
      if (url === '/wait') await finish.promise;
      if (url === '/fail') throw new Error('a bug');
      response.end(url === '/big' ? BIG : `${url} ${body}`);
    },
    ...options,
  });
  const listener = door.listener();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  t.teardown(() => {
    door.close();
    listener.close();
  });
  const open = (text = ''): Stranger => new Stranger(port, text);
  return { door, port, open, asked, machine, finish: finish.resolve };
}

/** A client that says just what the test wants. */
class Stranger {
  readonly socket: Socket;
  text = '';
  isGone = false;

  constructor(port: number, text: string) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isGone = true));
    this.socket.on('end', () => this.socket.end());
    this.socket.write(text);
  }

  read(): this {
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')));
    return this;
  }
}

async function ask(port: number, path: string, body = ''): Promise<{ response: IncomingMessage; text: string }> {
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest({ port, host: '127.0.0.1', path, method: 'PUT', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ response, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: n1\r\n\r\n`;
const HALF = 'GET / HTTP/1.1\r\nHost:';

test('a request is answered, and its connection ends', async (t) => {
  const { door, port } = await rig(t);
  const { response, text } = await ask(port, '/a', 'b');
  t.is(text, '/a b');
  t.is(response.headers.connection, 'close');
  await until('nobody is connected', () => door.connections === 0);
});

test('whoever keeps a request to himself makes room for others', async (t) => {
  const { door, port, open, machine } = await rig(t);
  const strangers = Array.from({ length: 30 }, (_, index) => open(index % 2 === 0 ? HALF : '').read());
  await until('all have been there', () => door.counters.displaced >= 30 - MOST);
  t.true(door.connections <= MOST);
  t.is((await ask(port, '/a')).text, '/a ');
  t.true(machine.full > 0);
  await until('those before are gone', () => strangers.filter(({ isGone }) => isGone).length >= 30 - MOST);
});

test('whoever does not read his answer makes room for others', async (t) => {
  const { door, port, open, asked } = await rig(t);
  for (let index = 0; index < MOST; index++) open(GET('/big'));
  await until('all are answered', () => asked.length === MOST);
  t.is((await ask(port, '/a')).text, '/a ');
  t.is(door.counters.displaced, 1);
});

test('those who are served stay, and a new one is told that there is no room', async (t) => {
  const { door, port, open, asked, finish } = await rig(t);
  const served = Array.from({ length: MOST }, () => open(GET('/wait')).read());
  await until('all are served', () => asked.length === MOST);
  const { response, text } = await ask(port, '/a');
  t.is(response.statusCode, 503);
  t.is((JSON.parse(text) as { error: { code: string } }).error.code, 'door-full');
  t.is(door.counters.refused, 1);
  finish();
  await until('all have their answer', () => served.every((one) => one.text.endsWith('/wait ') && one.isGone));
  t.is((await ask(port, '/a')).text, '/a ');
});

test('a request that does not come to its end in time ends with its connection', async (t) => {
  const { door, open } = await rig(t, { askMs: 50 });
  const half = open(HALF).read();
  const silent = open().read();
  const unfinished = open('PUT / HTTP/1.1\r\nHost: n1\r\ncontent-length: 9\r\n\r\nabc').read();
  await until('all are gone', () => half.isGone && silent.isGone && unfinished.isGone);
  t.is(door.counters.late, 3);
  t.is(door.connections, 0);
});

test('an answer that is not read in time ends with its connection; one that takes long to be found does not', async (t) => {
  const { door, open, asked, finish } = await rig(t, { readMs: 50 });
  const slow = open(GET('/big'));
  const patient = open(GET('/wait')).read();
  await until('the one that does not read is gone', () => door.counters.late === 1);
  t.is(door.connections, 1);
  t.deepEqual(asked.toSorted(), ['/big ', '/wait ']);
  finish();
  await until('the other has its answer', () => patient.text.endsWith('/wait '));
  slow.socket.destroy();
});

test('of requests that are sent at once, one is served', async (t) => {
  const { door, open, asked } = await rig(t);
  const many = open(GET('/a').repeat(1_000)).read();
  await until('it is over', () => door.connections === 0 && many.isGone);
  t.deepEqual(asked, ['/a ']);
  t.true(many.text.startsWith('HTTP/1.1 200 OK'));
});

test('what is no HTTP ends its connection, and no other', async (t) => {
  const { door, port, open } = await rig(t);
  const stranger = open('\0\0\0\r\n\r\n').read();
  await until('it is gone', () => stranger.isGone);
  t.is((await ask(port, '/a')).text, '/a ');
  await until('nobody is connected', () => door.connections === 0);
});

test('a client that has said all may close its half', async (t) => {
  const { open } = await rig(t);
  const half = open().read();
  half.socket.end(GET('/a'));
  await until('it has its answer', () => half.text.endsWith('/a '));
  t.regex(half.text, /^HTTP\/1.1 200 OK/);
});

test('who leaves before the end of a request is no bug', async (t) => {
  const errors: object[] = [];
  const log = (fields: object): void => void errors.push(fields);
  const { door, port, open } = await rig(t, { logger: { debug: log, info: log, warn: log, error: log } });
  const stranger = open('PUT / HTTP/1.1\r\nHost: n1\r\ncontent-length: 9\r\n\r\nabc');
  await until('it is there', () => door.connections === 1);
  stranger.socket.destroy();
  await until('it is gone', () => door.connections === 0);
  t.deepEqual(errors, []);
  t.is((await ask(port, '/fail')).response.statusCode, 500);
  t.is(errors.length, 1);
});

test('a limit that is lowered sends away those who are in excess', async (t) => {
  const { door, port, open, machine } = await rig(t);
  for (let index = 0; index < MOST; index++) open();
  await until('all are there', () => door.connections === MOST);
  machine.most = 2;
  t.is((await ask(port, '/a')).text, '/a ');
  t.true(door.connections <= 2);
});
