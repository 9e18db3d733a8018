import test from 'ava';
import { checksOf, type CheckedCluster } from '../../src/kubectl/check-list.ts';
import { checkObjects } from '../../src/kubectl/check-objects.ts';

const cluster: CheckedCluster = {
  namespace: 'weft-check-1',
  near: 'n1.example.com',
  far: 'n2',
  outside: { address: '192.0.2.1', port: 80 },
  pods: new Map([
    ['client', ['10.244.1.2', 'fd00:10:244:1::2']],
    ['near', ['10.244.1.3', 'fd00:10:244:1::3']],
    ['far', ['10.244.2.3', 'fd00:10:244:2::3']],
    ['host', ['198.18.0.1']],
  ]),
  services: new Map([
    ['near', ['10.96.0.7', 'fd00:10:96::7']],
    ['far', ['10.96.0.8', 'fd00:10:96::8']],
  ]),
};

/** What is tried, a line each: from, kind, target, what it expects, and what weft is asked if it fails. */
function lines(of: CheckedCluster): string[] {
  return checksOf(of).map(({ name, family, step }) => {
    if ('skipped' in step) return `IPv${family} ${name}: skipped, ${step.skipped}`;
    const { pod, order, expected = '', explain = [] } = step;
    return `IPv${family} ${name}: ${pod} ${order.kind} ${order.target} ${order.port} ${expected} (${explain.join(' ')})`;
  });
}

test('everything is tried over both families, and weft can be asked about it', (t) => {
  const all = lines(cluster);
  t.is(all.length, 19);
  t.true(all.every((line) => !line.includes('skipped')));
  t.deepEqual(
    all.filter((line) => line.startsWith('IPv4')),
    [
      'IPv4 pod to pod, on one node (n1.example.com): client tcp 10.244.1.3 8080 near (10.244.1.2 10.244.1.3 --proto tcp --dport 8080 -4)',
      'IPv4 pod to pod, across nodes (n1.example.com to n2): client tcp 10.244.2.3 8080 far (10.244.1.2 10.244.2.3 --proto tcp --dport 8080 -4)',
      'IPv4 largest packets unfragmented, on one node (n1.example.com): client udp 10.244.1.3 8080  (10.244.1.2 10.244.1.3 --proto udp --dport 8080 -4)',
      'IPv4 largest packets unfragmented, across nodes (n1.example.com to n2): client udp 10.244.2.3 8080  (10.244.1.2 10.244.2.3 --proto udp --dport 8080 -4)',
      'IPv4 pod to service, backend on one node (n1.example.com): client tcp 10.96.0.7 80 near (10.244.1.2 10.244.1.3 --proto tcp --dport 8080 -4)',
      'IPv4 pod to service, backend across nodes (n1.example.com to n2): client tcp 10.96.0.8 80 far (10.244.1.2 10.244.2.3 --proto tcp --dport 8080 -4)',
      'IPv4 node to pod, on one node (n1.example.com): host tcp 10.244.1.3 8080 near (n1 10.244.1.3 --proto tcp --dport 8080 -4)',
      'IPv4 node to pod, across nodes (n1.example.com to n2): host tcp 10.244.2.3 8080 far (n1 10.244.2.3 --proto tcp --dport 8080 -4)',
      'IPv4 name of a service (DNS): client dns near.weft-check-1.svc 0 10.96.0.7 ()',
      'IPv4 pod to outside (192.0.2.1, port 80): client tcp 192.0.2.1 80  (10.244.1.2 192.0.2.1 --proto tcp --dport 80 -4)',
    ],
  );
});

function only4(map: CheckedCluster['pods']): CheckedCluster['pods'] {
  return new Map([...map].map(([name, addresses]) => [name, addresses.filter((address) => !address.includes(':'))]));
}

test('what cannot be tried is skipped by name', (t) => {
  const small: CheckedCluster = {
    ...cluster,
    far: undefined,
    outside: undefined,
    pods: only4(cluster.pods),
    services: only4(cluster.services),
  };
  const reasons = lines(small).flatMap((line) => line.split(': skipped, ')[1] ?? []);
  t.deepEqual(
    [...Map.groupBy(reasons, (reason) => reason)].map(([reason, { length }]) => `${length} ${reason}`),
    [
      '3 pods have no IPv6 addresses',
      '8 weft runs on one node only',
      '2 services have no IPv6 addresses',
      '1 --outside ADDRESS names no address',
    ],
  );
});

test('its pods are on the nodes that were chosen, and nothing is made twice', (t) => {
  const objects = checkObjects({ namespace: 'x', image: 'weft:1', near: 'n1', far: 'n2' }) as {
    kind: string;
    metadata: { name: string; namespace: string };
    spec: { nodeName?: string; hostNetwork?: boolean };
  }[];
  t.deepEqual(
    objects.map(({ kind, metadata, spec }) => [
      kind,
      metadata.namespace,
      metadata.name,
      spec.nodeName ?? '',
      spec.hostNetwork ?? '',
    ]),
    [
      ['Pod', 'x', 'client', 'n1', false],
      ['Pod', 'x', 'near', 'n1', false],
      ['Pod', 'x', 'host', 'n1', true],
      ['Pod', 'x', 'far', 'n2', false],
      ['Service', 'x', 'near', '', ''],
      ['Service', 'x', 'far', '', ''],
    ],
  );
  t.is(checkObjects({ namespace: 'x', image: 'weft:1', near: 'n1' }).length, 4);
});
