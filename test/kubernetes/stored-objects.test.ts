import test from 'ava';
import { readEndpointSlice } from '../../src/kubernetes/api-endpoint-slice.ts';
import { readNamespace, readNode, readPod } from '../../src/kubernetes/api-object.ts';
import { readClusterNetworkPolicy, readNetworkPolicy } from '../../src/kubernetes/api-policy.ts';
import { readApiService } from '../../src/kubernetes/api-service.ts';
import { parseStoredObjects, type StoredObjects } from '../../src/kubernetes/stored-objects.ts';

const containers = [{ ports: [{ name: 'http', containerPort: 80 }] }];

const stored: StoredObjects = {
  time: '2026-01-02T03:04:05.000Z',
  nodeName: 'n1',
  nodes: [readNode({ metadata: { name: 'n1', uid: 'u', labels: { zone: 'a' } } })!],
  pods: [readPod({ metadata: { name: 'web', namespace: 'shop', uid: 'u' }, spec: { containers } })!],
  namespaces: [readNamespace({ metadata: { name: 'shop', labels: { team: 'a' } } })!],
  networkpolicies: ['', 'it is too long'].map((omission, at) => ({
    ...readNetworkPolicy({ metadata: { name: `web-${at}`, namespace: 'shop' }, spec: { podSelector: {} } })!,
    omission,
  })),
  clusternetworkpolicies: [readClusterNetworkPolicy({ metadata: { name: 'all' }, spec: { tier: 'Admin' } })!],
  services: [
    readApiService({
      metadata: { name: 'web', namespace: 'shop' },
      spec: { type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 80, targetPort: 'http' }] },
    })!,
  ],
  endpointslices: [
    readEndpointSlice({
      metadata: { name: 'web-x7', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: [{ addresses: ['10.244.1.2'] }],
    })!,
  ],
};

test('what is stored is known again', (t) => {
  t.deepEqual(parseStoredObjects(JSON.parse(JSON.stringify(stored)), 'n1'), stored);
});

test('what an earlier version stored is known, and nothing of what that did not know', (t) => {
  const { nodes = [], pods = [], time, nodeName } = stored;
  const earlier = {
    time,
    nodeName,
    nodes: nodes.map((node) => ({ ...node, labels: undefined })),
    pods: pods.map((pod) => ({ ...pod, ports: undefined, hasMorePorts: undefined })),
  };
  t.deepEqual(parseStoredObjects(JSON.parse(JSON.stringify(earlier)), 'n1'), {
    time,
    nodeName,
    nodes: nodes.map((node) => ({ ...node, labels: {} })),
    pods: pods.map((pod) => ({ ...pod, ports: [], hasMorePorts: true })),
    networkpolicies: undefined,
    clusternetworkpolicies: undefined,
  });
});

test('what another node stored, and what is something else, is nothing', (t) => {
  t.is(parseStoredObjects(stored, 'n2'), undefined);
  t.is(parseStoredObjects({ ...stored, nodes: 7 }, 'n1'), undefined);
});
