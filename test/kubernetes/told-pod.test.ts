import test from 'ava';
import { encodePod, problemOfPod } from '../../src/directory/pod-codec.ts';
import { MAX_POD_BYTES, MAX_POD_PORTS } from '../../src/directory/limits.ts';
import type { PodPort } from '../../src/directory/pod-port.ts';
import { toldOfPod } from '../../src/kubernetes/told-pod.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

function portsOf(count: number): PodPort[] {
  return Array.from({ length: count }, (_, at) => {
    return { name: `port-${String(at).padStart(10, '0')}`, protocol: 'SCTP', port: 65_000 + at } as const;
  });
}

/** So many that other nodes do not take all. */
const manyLabels = Object.fromEntries(
  Array.from({ length: 64 }, (_, at) => [`key-${at}-${'k'.repeat(40)}`, 'v'.repeat(63)]),
);

test('of a pod with few labels and ports all are told, in the same order each time', (t) => {
  const ports = portsOf(3);
  const told = toldOfPod({ labels: { app: 'web' }, ports: ports.toReversed(), hasMorePorts: false });
  t.deepEqual(told, { labels: { app: 'web' }, ports, hasMorePorts: false, cutLabels: 0, cutPorts: 0 });
});

test('of more ports than other nodes take, the first by name are told', (t) => {
  const ports = portsOf(MAX_POD_PORTS + 8);
  const told = toldOfPod({ labels: {}, ports, hasMorePorts: false });
  t.deepEqual([told.ports, told.cutPorts, told.hasMorePorts], [ports.slice(0, MAX_POD_PORTS), 8, true]);
});

test('whatever a pod has, other nodes take what they are told', (t) => {
  const { labels, ports, cutLabels } = toldOfPod({
    labels: manyLabels,
    ports: portsOf(MAX_POD_PORTS),
    hasMorePorts: false,
  });
  t.true(cutLabels > 0);
  t.true(ports.length >= 16);
  const addresses = Array.from({ length: 16 }, (_, at) => parseIpAddress(`fd00::${at}`)!);
  const pod = {
    name: 'p'.repeat(253),
    namespace: 'n'.repeat(63),
    addresses,
    labels,
    hasMoreLabels: true,
    ports,
    hasMorePorts: false,
    isSuperseded: true,
  };
  t.is(problemOfPod(pod), undefined);
  t.true(encodePod(pod).length > MAX_POD_BYTES - 256, 'it takes nearly all that there is');
});
