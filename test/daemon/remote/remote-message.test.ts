import test from 'ava';
import { parseReply } from '../../../src/daemon/remote/remote-message.ts';

for (const code of ['', 'Peer', 'a b', 'x\n', 'a'.repeat(65), 7, null]) {
  test(`${JSON.stringify(code)} is not taken for the code of an error`, (t) => {
    t.throws(() => parseReply({ error: { code, message: 'no' } }), { code: 'internal', message: 'no' });
  });
}

test('an error is thrown as it was said', (t) => {
  t.throws(() => parseReply({ error: { code: 'pod-unknown', message: 'no' } }), { code: 'pod-unknown' });
});
