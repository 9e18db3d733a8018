/** Of containers of one name, the newest is meant. */
import test from 'ava';
import { namedPods } from '../../../src/daemon/places/named-pods.ts';

const pod = (name: string, containerId: string | undefined, address: string) => ({
  namespace: 'default',
  name,
  addresses: [address],
  attachment: containerId === undefined ? null : { containerId, cniNetwork: 'weft' },
});

test('of containers of one name the newest has it, with the addresses of all its interfaces', (t) => {
  const pods = [
    pod('web', 'old', '10.1.0.2'),
    pod('db', undefined, '10.1.0.3'),
    pod('web', 'new', '10.1.0.4'),
    pod('web', 'new', '10.1.0.5'),
  ];
  t.deepEqual(
    namedPods(pods).map(({ name, addresses }) => `${name} ${addresses.join()}`),
    ['web 10.1.0.4,10.1.0.5', 'db 10.1.0.3'],
  );
});
