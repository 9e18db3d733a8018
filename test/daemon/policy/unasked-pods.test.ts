import test from 'ava';
import { podsOfKubernetes } from '../../../src/daemon/policy/unasked-pods.ts';

const attachment = { containerId: 'c1', cniNetwork: 'overlay', podUid: 'u-1' };

test('pods of Kubernetes are told from those of other runtimes, of people, and of a second network', (t) => {
  t.deepEqual(
    podsOfKubernetes([
      { name: 'web', namespace: 'shop', attachment },
      { name: 'podman', attachment: { ...attachment, podUid: undefined } as never },
      { name: 'hand' },
      { name: 'second', namespace: 'shop', attachment: { ...attachment, alongside: true } },
    ]),
    ['shop/web'],
  );
});
