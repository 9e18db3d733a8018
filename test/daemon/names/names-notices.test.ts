import { createSocket } from 'node:dgram';
import test from 'ava';
import type { NameAddressFailure } from '../../../src/daemon/names/name-listener.ts';
import { failureNotices } from '../../../src/daemon/names/names-notices.ts';

const failure = (host: string, code: string): NameAddressFailure => ({ host, protocol: 'udp', code });

test('an address that cannot be opened is told, with why', async (t) => {
  t.deepEqual(await failureNotices([failure('169.254.1.1', 'EINVAL')]), [
    { code: 'names-not-listening', message: 'names are not answered everywhere: UDP port 53 of 169.254.1.1: EINVAL' },
  ]);
  t.is((await failureNotices([failure('fe80::1%wf1', 'ENOBUFS')])).length, 1);
});

test('that the device of a pod is gone by now is no trouble', async (t) => {
  const host = 'fe80::1%wf-is-not-here';
  const socket = createSocket('udp6');
  const code = await new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.bind({ address: host, port: 0, exclusive: true });
  });
  t.is(code, 'EINVAL');
  t.deepEqual(await failureNotices([failure(host, code), failure(host, 'ENODEV'), failure(host, 'EADDRNOTAVAIL')]), []);
});
