/** ICMP echoes through `raw-socket`, on the loopback device of this process's namespace, which may send whatever it likes there. */
import test from 'ava';
import { Echoes } from '../../src/daemon/probes/echoes.ts';
import { EchoSocket, MIN_ECHO_BYTES } from '../../src/linux/echo-socket.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

/** Far above any round trip over a loopback device. */
const DEADLINE_MS = 30_000;

for (const [family, address] of [
  [4, '127.0.0.1'],
  [6, '::1'],
] as const) {
  test(`echoes of any length come back over IPv${family}, each to who waits for it`, async (t) => {
    const socket = new EchoSocket(family);
    const lengths = [MIN_ECHO_BYTES[family], 84, 1_500, 9_000];
    const outcomes = await Promise.all(lengths.map(async (length) => socket.echo(address, length, DEADLINE_MS)));
    t.deepEqual(
      outcomes.map(({ kind }) => kind),
      lengths.map(() => 'reply'),
    );
    t.false(socket.isBusy);
    socket.close();
  });
}

test('two sockets do not hear each other', async (t) => {
  const sockets = [new EchoSocket(4), new EchoSocket(4)];
  const outcomes = await Promise.all(sockets.map(async (socket) => socket.echo('127.0.0.1', 84, DEADLINE_MS)));
  t.true(outcomes.every(({ kind }) => kind === 'reply'));
  for (const socket of sockets) socket.close();
});

test('who still waits when a socket closes is told that nothing came', async (t) => {
  const socket = new EchoSocket(4);
  const outcome = socket.echo('127.0.0.1', 84, DEADLINE_MS);
  socket.close();
  t.is((await outcome).kind, 'lost');
});

test('what cannot leave is no error, but an outcome', async (t) => {
  const echoes = new Echoes();
  const { roundTripMs, problem } = await echoes.echo(parseIpAddress('255.255.255.255')!, 200);
  t.is(roundTripMs, null);
  t.not(problem, '');
  echoes.close();
});
