import test from 'ava';
import { MAX_WORK_MS } from '../../../src/daemon/process/sliced-work.ts';
import { type ServiceSurveyOptions, surveyServices } from '../../../src/daemon/services/service-survey.ts';
import { readService } from '../../../src/services/read-service.ts';
import { serviceKey, ServicePlanner } from '../../../src/services/service-planner.ts';
import type { ServiceRecord } from '../../../src/services/service-record.ts';

function record(name: string, spec: object = {}): ServiceRecord {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
  };
  return (readService(object) as { readonly service: ServiceRecord }).service;
}

function optionsWith(
  services: readonly ServiceRecord[],
  changes: Partial<ServiceSurveyOptions> = {},
): ServiceSurveyOptions {
  const planner = new ServicePlanner({ name: 'n1', zone: '', nodePortAddresses: [] });
  for (const service of services) planner.setService(serviceKey(service), service);
  const records = new Map(services.map((service) => [serviceKey(service), service]));
  return { services: records, planner, ignorance: '', nowMs: () => 0, ...changes };
}

test('what is suspicious is told by its kind, in the order of names', async (t) => {
  const at = { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] };
  const { facts, unseen } = await surveyServices(optionsWith([record('web', at), record('old', at)]));
  t.is(unseen, '');
  t.is(facts.count, 2);
  t.deepEqual(
    facts.withoutBackend.some.map(({ service }) => service),
    ['shop/old', 'shop/web'],
  );
  t.deepEqual(
    facts.taken.some.map(({ service }) => service),
    ['shop/web'],
  );
});

test('of many of a kind, some are told and all are counted', async (t) => {
  const many = Array.from({ length: 50 }, (_, at) => record(`web-${at}`));
  const { withoutBackend, taken } = (await surveyServices(optionsWith(many))).facts;
  t.deepEqual([withoutBackend.some.length, withoutBackend.count, taken.count], [8, 50, 0]);
});

test('those that have names alone are not counted among those with addresses', async (t) => {
  const { facts } = await surveyServices(optionsWith([record('web', { clusterIP: 'None' })]));
  t.deepEqual([facts.count, facts.withoutBackend.count], [0, 1]);
});

test('as long as not all is known, nothing is suspected', async (t) => {
  const ignorance = 'not all pods are known yet';
  const { facts, unseen } = await surveyServices(optionsWith([record('web')], { ignorance }));
  t.deepEqual([facts.count, facts.withoutBackend.count, unseen], [1, 0, ignorance]);
});

test('what takes too long is ended, and said not to be all', async (t) => {
  let nowMs = 0;
  const many = Array.from({ length: 20 }, (_, at) => record(`web-${at}`));
  const { unseen } = await surveyServices(optionsWith(many, { nowMs: () => (nowMs += MAX_WORK_MS / 4) }));
  t.is(unseen, `there are too many services to look at all of them within ${MAX_WORK_MS} ms`);
});
