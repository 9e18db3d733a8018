import test from 'ava';
import { announcedPods, checkAnnounced, type AddressedPod } from '../../../src/daemon/pods/announced-pods.ts';
import type { PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';

function pod(name: string, address: string, change: Partial<PodRecord> = {}): AddressedPod {
  const record = { name, network: 'default', phase: 'ready', ...change } as PodRecord;
  return { record, addresses: [parseIpAddress(address)!] };
}

const container = (containerId: string): Partial<PodRecord> => ({ attachment: { containerId, cniNetwork: 'weft' } });

function told(pods: readonly AddressedPod[]): string[] {
  return announcedPods(pods).map(
    ({ namespace, name, addresses, isSuperseded }) =>
      `${namespace}/${name} ${addresses.map(formatIpAddress).join(' ')}${isSuperseded ? ' superseded' : ''}`,
  );
}

test('pods are told with their namespaces, labels, ports and addresses', (t) => {
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 }] as const;
  const web = pod('web', '10.244.1.2', { namespace: 'shop', labels: { app: 'web' } });
  t.deepEqual(announcedPods([{ ...web, ports }]), [
    {
      name: 'web',
      namespace: 'shop',
      labels: { app: 'web' },
      hasMoreLabels: false,
      ports,
      hasMorePorts: false,
      addresses: [parseIpAddress('10.244.1.2')!],
      isSuperseded: false,
    },
  ]);
});

test('it is told that a pod has other labels and ports than those that are told', (t) => {
  const [told] = announcedPods([{ ...pod('web', '10.244.1.2'), hasMoreLabels: true, hasMorePorts: true }]);
  t.like(told, { labels: {}, hasMoreLabels: true, ports: [], hasMorePorts: true });
});

test('of two containers of one name the newer has it', (t) => {
  const pods = [pod('web', '10.244.1.2', container('a')), pod('web', '10.244.1.3', container('b'))];
  t.deepEqual(told(pods), ['default/web 10.244.1.2 superseded', 'default/web 10.244.1.3']);
  t.deepEqual(told(pods.slice(0, 1)), ['default/web 10.244.1.2']);
});

test('two interfaces of a container are one pod', (t) => {
  const pods = [
    pod('web', '10.244.1.2', container('a')),
    pod('web', '10.244.1.3', { ...container('a'), device: 'net1' }),
  ];
  t.deepEqual(told(pods), ['default/web 10.244.1.2 10.244.1.3']);
});

test('a pod of an earlier version that others would refuse does not hide the rest', (t) => {
  t.deepEqual(told([pod('with a space', '10.244.1.2'), pod('web', '10.244.1.3')]), ['default/web 10.244.1.3']);
});

test('a pod of which others could not be told is refused, and says why', (t) => {
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, at) => [`key-${at}-${'k'.repeat(40)}`, 'v'.repeat(63)]),
  );
  t.throws(() => checkAnnounced([], pod('web', '10.244.1.2', { labels })), {
    code: 'pod-not-announced',
    message:
      /^pod web: other nodes cannot be told of it: its name, addresses, labels and ports take \d+ bytes, more than 4096/,
  });
  const many = Array.from({ length: 4_096 }, (_, at) => pod(`pod-${at}`, '10.244.1.2'));
  t.notThrows(() => checkAnnounced(many.slice(1), pod('web', '10.244.1.2')));
  t.throws(() => checkAnnounced(many, pod('web', '10.244.1.2')), { code: 'pods-full' });
});
