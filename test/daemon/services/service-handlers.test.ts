import test from 'ava';
import { serviceHandlers } from '../../../src/daemon/services/service-handlers.ts';
import { readService } from '../../../src/services/read-service.ts';
import { serviceKey, ServicePlanner } from '../../../src/services/service-planner.ts';
import type { ServiceRecord } from '../../../src/services/service-record.ts';

function record(name: string, ports: number): ServiceRecord {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      clusterIP: '10.96.0.7',
      clusterIPs: ['10.96.0.7'],
      ports: Array.from({ length: ports }, (_, index) => ({ name: `p${index}`, port: 80 + index })),
    },
  };
  return (readService(object) as { readonly service: ServiceRecord }).service;
}

test('a service with many ports is asked once which places it has not got, and each port names its own', async (t) => {
  const services = new Map([record('a', 100), record('b', 100)].map((service) => [serviceKey(service), service]));
  const planner = new ServicePlanner({ name: 'n1', zone: '', nodePortAddresses: [] });
  for (const [key, service] of services) planner.setService(key, service);
  const asked: string[] = [];
  const handlers = serviceHandlers({
    nodeName: 'n1',
    services: () => services,
    givenAt: () => undefined,
    planner: {
      backends: (key) => planner.backends(key),
      cut: (key) => planner.cut(key),
      refused: (key) => {
        asked.push(key);
        return planner.refused(key);
      },
    },
    titles: { at: () => undefined },
    balancer: undefined,
    notices: () => [],
  });
  const listed = (await handlers.services()).services;
  t.deepEqual(asked, ['shop/a', 'shop/b']);
  t.deepEqual(
    listed.map(({ ports }) => ports.map(({ taken }) => taken)),
    [
      Array.from({ length: 100 }, () => []),
      Array.from({ length: 100 }, (_, index) => [{ place: `10.96.0.7 TCP ${80 + index}`, by: `shop/a:p${index}` }]),
    ],
  );
});
