import test from 'ava';
import { CniError } from '../../src/cni/cni-error.ts';
import { cniErrorOf, isDaemonAbsent, patiently } from '../../src/cni/daemon.ts';
import { ConfigError, ConflictError, ExhaustedError, NotFoundError, WeftError } from '../../src/errors.ts';

const becomes = test.macro<[Error, number, RegExp]>({
  exec: (t, error, code, message) => {
    const cniError = cniErrorOf(error);
    t.true(cniError instanceof CniError);
    t.is((cniError as CniError).code, code);
    t.regex((cniError as CniError).message, message);
    t.is((cniError as CniError).details, (error as WeftError).code);
  },
  title: (name, _error, code) => `${name} is ${code} for a runtime`,
});

test(
  'a prefix that is used up',
  becomes,
  new ExhaustedError('pool-exhausted', '10.244.1.0/24 has no free address'),
  11,
  /no free address/,
);
test(
  'an address that another pod had just now',
  becomes,
  new ConflictError('address-cooling', 'try again in 48 s'),
  11,
  /in 48 s/,
);
test('a full disk', becomes, new WeftError('store-failed', 'no space left'), 11, /no space/);
test('no daemon', becomes, new WeftError('daemon-not-running', 'no daemon'), 11, /no daemon/);
test(
  'a namespace that is none',
  becomes,
  new WeftError('not-a-network-namespace', '/x is none'),
  4,
  /^CNI_NETNS: \/x is none/,
);
test(
  'a namespace that is not there',
  becomes,
  new NotFoundError('netns-not-found', 'there is no /x'),
  4,
  /^CNI_NETNS: there is no \/x/,
);
test(
  'an interface that cannot be',
  becomes,
  new ConfigError('device', '"a;b" is not a name'),
  4,
  /^CNI_IFNAME: device: /,
);
test(
  'an address of another node',
  becomes,
  new ConfigError('addresses[0]', '10.99.0.2 is not here'),
  7,
  /^addresses\[0\]: 10\.99/,
);
test(
  'a container that is attached',
  becomes,
  new ConflictError('attachment-exists', 'it is there'),
  100,
  /it is there/,
);

test('what is no error of the daemon stays what it is', (t) => {
  const error = new CniError(7, 'name');
  t.is(cniErrorOf(error), error);
  t.false(isDaemonAbsent(error));
  t.true(isDaemonAbsent(new WeftError('door-full', '')));
});

/** Fails with these codes, one after the other, and then answers. */
function asked(codes: readonly string[]) {
  const rest = [...codes];
  return {
    rest,
    ask: async (): Promise<string> => {
      const code = rest.shift();
      if (code !== undefined) throw new WeftError(code, code);
      return await Promise.resolve('yes');
    },
  };
}

test('where all places are taken, or the daemon is about to start, one asks again; nobody waits for anything else', async (t) => {
  t.is(await patiently(asked(['door-full', 'daemon-not-running', 'door-full']).ask, true), 'yes');
  let calls = 0;
  const hungUp = async (): Promise<string> => {
    if (calls++ === 0) throw new WeftError('daemon-unreachable', 'write EPIPE', { errno: 'EPIPE' });
    return await Promise.resolve('yes');
  };
  t.is(await patiently(hungUp, false), 'yes');
  const refused = asked(['daemon-not-running', 'never asked']);
  await t.throwsAsync(patiently(refused.ask, false), { message: 'daemon-not-running' });
  t.is(refused.rest.length, 1);
  await t.throwsAsync(patiently(asked(['address-in-use']).ask, true), { message: 'address-in-use' });
});
