import test from 'ava';
import { isPlaceReachable, placeOf } from '../../../src/daemon/pods/pod-namespace.ts';
import { ConflictError } from '../../../src/errors.ts';
import { namespaceOfProcess } from '../../../src/linux/namespace-files.ts';

const { path, identity } = namespaceOfProcess(process.pid);

for (const [title, wish] of [
  ['by a process id', { pid: process.pid, newNetns: false }],
  ['by a file', { netns: path, newNetns: false }],
  ['by a file that means whoever opens it', { netns: '/proc/self/ns/net', newNetns: false }],
] as const) {
  test(`the network namespace of the node is no pod's, named ${title}`, (t) => {
    const error = t.throws(() => placeOf('web', wish, process.pid), { instanceOf: ConflictError });
    t.is(error.code, 'netns-of-node');
  });
}

test('a namespace that is still to be made has no identity', (t) => {
  const place = placeOf('no-such-pod', { newNetns: true }, undefined);
  t.deepEqual(place, { netns: '/run/netns/no-such-pod', netnsIdentity: '', ownsNetns: true });
});

test('the namespace of the node is not taken for one that a pod was in, although both have the same number', (t) => {
  t.false(isPlaceReachable({ netns: path, netnsIdentity: identity }));
});
