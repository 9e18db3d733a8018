import test from 'ava';
import { readNamespace, readNode, readPod } from '../../src/kubernetes/api-object.ts';
import { MAX_NAMED_PORTS } from '../../src/kubernetes/named-ports.ts';

const metadata = { name: 'web', namespace: 'shop', uid: 'u' };

test('a Namespace and a Node have their labels', (t) => {
  t.deepEqual(readNamespace({ metadata: { name: 'shop', labels: { team: 'a' } }, spec: {} }), {
    name: 'shop',
    labels: { team: 'a' },
  });
  t.deepEqual(readNamespace({ metadata: { name: 'shop' } }), { name: 'shop', labels: {} });
  t.deepEqual(readNode({ metadata: { name: 'n1', uid: 'u', labels: { zone: 'z' } } })?.labels, { zone: 'z' });
});

test('what is beyond the limits is no Namespace', (t) => {
  const labels = Object.fromEntries(Array.from({ length: 1_025 }, (_, at) => [`k${at}`, '']));
  t.is(readNamespace({ metadata: { name: 'shop', labels } }), undefined);
  t.is(readNamespace({ metadata: { name: '' } }), undefined);
});

test('ports of containers and sidecars that have names are those of the pod', (t) => {
  const spec = {
    containers: [
      { ports: [{ name: 'http', containerPort: 80 }, { containerPort: 81 }] },
      {
        ports: [
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { name: 'http', containerPort: 80, protocol: 'TCP' },
        ],
      },
      { ports: null },
    ],
    initContainers: [
      { restartPolicy: 'Always', ports: [{ name: 'metrics', containerPort: 9090, protocol: 'SCTP' }] },
      { ports: [{ name: 'setup', containerPort: 9091 }] },
    ],
  };
  t.deepEqual(readPod({ metadata, spec })?.ports, [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'metrics', protocol: 'SCTP', port: 9090 },
  ]);
});

test('a pod with odd containers is a pod with fewer ports', (t) => {
  const ports = [
    { name: 'Http', containerPort: 80 },
    { name: 'http', containerPort: '80' },
    { name: 'http', containerPort: 0 },
    { name: 'http', containerPort: 65_536 },
    { name: 'http', containerPort: 80, protocol: 'ICMP' },
    { name: 'a-name-of-16-char', containerPort: 80 },
    null,
  ];
  for (const containers of [7, 'all', [null, 7, { ports: 'all' }], [{ ports }]]) {
    t.deepEqual(readPod({ metadata, spec: { containers } })?.ports, []);
  }
  const many = Array.from({ length: 70 }, (_, at) => ({
    ports: ports.map(() => ({ name: `p${at}`, containerPort: 80 })),
  }));
  t.like(readPod({ metadata, spec: { containers: many } }), { hasMorePorts: false, ports: { length: 70 } });
  const more = Array.from({ length: 1_000 }, (_, at) => ({ name: 'p', containerPort: at + 1 }));
  const cut = readPod({ metadata, spec: { containers: [{ ports: more }] } });
  t.like(cut, { hasMorePorts: true, ports: { length: MAX_NAMED_PORTS } });
});
