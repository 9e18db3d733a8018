import test from 'ava';
import { isServedHost } from '../../../src/daemon/doors/host-header.ts';

const names = ['N1', 'node1.example.com'];

const served = test.macro<[string | undefined, boolean]>({
  exec: (t, host, isServed) => t.is(isServedHost(host, names), isServed),
  title: (_name, host, isServed) => `${isServed ? 'asked' : 'not asked'} as ${host ?? 'nobody'}`,
});

test(served, undefined, true);
test(served, '127.0.0.1:9748', true);
test(served, '127.0.0.1', true);
test(served, '198.18.0.1:9748', true);
test(served, '[::1]:9748', true);
test(served, 'localhost:9748', true);
test(served, 'LocalHost', true);
test(served, 'a.localhost:9748', true);
test(served, 'n1:9748', true);
test(served, 'NODE1.example.com.:9748', true);
test(served, 'evil.example', false);
test(served, 'evil.example:9748', false);
test(served, 'n1.evil.example', false);
test(served, 'localhost.evil.example', false);
test(served, '127.0.0.1.evil.example', false);
test(served, 'notlocalhost', false);
test(served, '', false);
test(served, '[::1', false);
test(served, 'n1:', false);
test(served, 'n1:x', false);
test(served, 'evil.example:9748@n1', false);
