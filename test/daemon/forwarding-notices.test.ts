import test from 'ava';
import { droppingChains } from '../../src/daemon/forwarding-notices.ts';

const docker = { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' };

test('a forwarding chain that drops by default is in the way', (t) => {
  t.deepEqual(droppingChains([docker]), [docker]);
});

for (const [what, change] of Object.entries({
  'accepts by default': { policy: 'accept' },
  'sees what is received only': { hook: 'input' },
  'belongs to a bridge': { family: 'bridge' },
  'is ours': { table: 'weft' },
})) {
  test(`a chain that ${what} is not in the way`, (t) => {
    t.deepEqual(droppingChains([{ ...docker, ...change }]), []);
  });
}
