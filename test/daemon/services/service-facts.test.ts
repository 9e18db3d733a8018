import test from 'ava';
import { ServiceFacts } from '../../../src/daemon/services/service-facts.ts';
import { readService } from '../../../src/services/read-service.ts';
import { ServicePlanner } from '../../../src/services/service-planner.ts';
import type { ServiceRecord } from '../../../src/services/service-record.ts';

function record(spec: object): ServiceRecord {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }], ...spec },
  };
  return (readService(object) as { readonly service: ServiceRecord }).service;
}

test('whether there are headless services is known without a look at all of them', (t) => {
  const facts = new ServiceFacts(new ServicePlanner({ name: 'n1', zone: '', nodePortAddresses: [] }));
  t.false(facts.hasHeadless);
  facts.setService('default/web', record({ clusterIP: 'None' }));
  facts.setService('default/db', record({ clusterIP: 'None' }));
  facts.setService('default/web', record({}));
  t.true(facts.hasHeadless);
  facts.setService('default/db', undefined);
  t.false(facts.hasHeadless);
});
