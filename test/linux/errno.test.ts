import test from 'ava';
import { checked, errnoName, lastErrnoName } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';

const names = test.macro<[number, string]>({
  exec: (t, number, name) => t.is(errnoName(number), name),
  title: (_, number, name) => `error ${number} is ${name}`,
});

test(names, 1, 'EPERM');
test(names, 5, 'EIO');
test(names, 11, 'EAGAIN');
test(names, 22, 'EINVAL');
test(names, 77, 'EBADFD');
test(names, 90, 'EMSGSIZE');
test(names, 98, 'EADDRINUSE');
test(names, 105, 'ENOBUFS');
test(names, 4711, 'errno 4711');

test('the name of the last error is that of the call before', (t) => {
  t.is(libc.close(-1), -1);
  t.is(lastErrnoName(), 'EBADF');
});

test('a result that is no failure is handed through', (t) => {
  t.is(checked(7, 'open', 'open a file'), 7);
});

test('a failure is thrown with the call, its error, and what it was for', (t) => {
  t.throws(() => checked(libc.close(-1), 'close', 'close a file'), {
    code: 'system-call-failed',
    message: 'cannot close a file: close failed with EBADF',
  });
});
