import test from 'ava';
import type { ApiPod } from '../../src/kubernetes/api-object.ts';
import { hostPodsAmong } from '../../src/kubernetes/host-pods.ts';

function inApi(name: string, hostNetwork: boolean, phase: string): ApiPod {
  return {
    namespace: 'kube-system',
    name,
    uid: `u-${name}`,
    runtimeUid: `u-${name}`,
    labels: {},
    hostNetwork,
    phase,
    addresses: ['198.18.0.1'],
    ports: [],
    hasMorePorts: false,
    isEnding: false,
  };
}

test('those with a network of their own, and those that have ended, are not among them', (t) => {
  const pods = [
    inApi('proxy', true, 'Running'),
    inApi('begins', true, 'Pending'),
    inApi('silent', true, 'Unknown'),
    inApi('web', false, 'Running'),
    inApi('migrated', true, 'Succeeded'),
    inApi('broken', true, 'Failed'),
  ];
  t.deepEqual(
    hostPodsAmong(pods).map(({ name }) => name),
    ['proxy', 'begins', 'silent'],
  );
});
