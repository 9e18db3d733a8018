import test from 'ava';
import { tellEcho } from '../../../src/daemon/probes/echo-words.ts';
import type { EchoOutcome } from '../../../src/linux/echo-socket.ts';

const error = (type: number, code: number, mtuBytes = 0): EchoOutcome => ({
  kind: 'error',
  from: '10.0.0.1',
  error: { type, code, mtuBytes },
});

const tells = test.macro<[4 | 6, EchoOutcome, number | null, string]>({
  exec: (t, family, outcome, roundTripMs, problem) => t.deepEqual(tellEcho(family, outcome), { roundTripMs, problem }),
  title: (name) => `what is told of ${name}`,
});

test('a reply', tells, 4, { kind: 'reply', roundTripMs: 0.123_456 }, 0.123, '');
test('silence', tells, 4, { kind: 'lost' }, null, '');
test('no route', tells, 4, error(3, 0), null, '10.0.0.1 says: there is no route to it');
test('no route over IPv6', tells, 6, error(1, 0), null, '10.0.0.1 says: there is no route to it');
test('nobody with that address', tells, 4, error(3, 1), null, '10.0.0.1 says: nobody there has this address');
test('nobody with that address over IPv6', tells, 6, error(1, 3), null, '10.0.0.1 says: nobody there has this address');
test('a firewall', tells, 4, error(3, 13), null, '10.0.0.1 says: a firewall refused it');
test('a size', tells, 4, error(3, 4, 1300), null, '10.0.0.1 says: too big, no more than 1300 bytes pass');
test('a size over IPv6', tells, 6, error(2, 0, 1300), null, '10.0.0.1 says: too big, no more than 1300 bytes pass');
test('a loop', tells, 4, error(11, 0), null, '10.0.0.1 says: it goes round in circles');
test('something else', tells, 4, error(3, 9), null, '10.0.0.1 says: unreachable (ICMP type 3, code 9)');
test('something else over IPv6', tells, 6, error(4, 1), null, '10.0.0.1 says: unreachable (ICMPv6 type 4, code 1)');

const refusals: Readonly<Record<string, string>> = {
  'Message too long': 'longer than the MTU of the device',
  'Network is unreachable': 'this node has no route to it',
  'Operation not permitted': 'a firewall rule of this node refused it',
  'Invalid argument': 'not sent: Invalid argument',
};
for (const [message, problem] of Object.entries(refusals)) {
  test(`"${message}"`, tells, 4, { kind: 'refused', message }, null, problem);
}
