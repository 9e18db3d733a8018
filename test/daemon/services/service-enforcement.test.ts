import test from 'ava';
import { ServiceEnforcement } from '../../../src/daemon/services/service-enforcement.ts';
import type { Frontend } from '../../../src/services/service-plan.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { PolicyTablesDouble, refusal } from '../../support/policy-tables-double.ts';

const web: Frontend = {
  service: 'shop/web',
  kind: 'cluster',
  address: parseIpAddress('10.96.0.1')!,
  protocol: 'TCP',
  port: 80,
  inside: { kind: 'refused' },
  outside: { kind: 'refused' },
  masqueradesOutside: true,
  affinitySeconds: undefined,
  sources: undefined,
};

const key = '10.96.0.1 TCP 80';

function enforcing() {
  const tables = new PolicyTablesDouble();
  const table = { tunDevice: 'weft0', nodeAddresses: [], pools: [], prefixes: [] };
  return { tables, enforcement: new ServiceEnforcement({ nodeName: 'node1', table, tables }) };
}

test('the first change makes the table, others change it', async (t) => {
  const { tables, enforcement } = enforcing();
  t.is(enforcement.frontends?.frontend(key), undefined);
  await enforcement.change({ changed: [web], gone: [] });
  t.is(enforcement.frontends?.frontend(key), web);
  await enforcement.change({ changed: [{ ...web, port: 81 }], gone: [] });
  t.deepEqual(tables.done, ['make', 'revise']);
  t.is((await enforcement.inspect()).entries, 2);
});

test('changes that come at one time are one transaction, and of each frontend the last counts', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.change({ changed: [web], gone: [] });
  await Promise.all([
    enforcement.change({ changed: [], gone: [key] }),
    enforcement.change({ changed: [{ ...web, service: 'shop/other' }], gone: [] }),
  ]);
  t.deepEqual(tables.done, ['make', 'revise']);
  t.is(enforcement.frontends?.frontend(key)?.service, 'shop/other');
});

test('what the kernel does not take is said, until it does', async (t) => {
  const { tables, enforcement } = enforcing();
  tables.refusals = 2;
  await t.throwsAsync(enforcement.change({ changed: [web], gone: [] }), { is: refusal });
  t.deepEqual(
    enforcement.notices().map(({ code }) => code),
    ['services-not-followed'],
  );
  t.is(enforcement.frontends?.frontend(key), undefined);
  await t.throwsAsync(enforcement.repair(), { is: refusal });
  await enforcement.repair();
  t.deepEqual(enforcement.notices(), []);
  t.is(enforcement.frontends?.frontend(key), web);
  await enforcement.repair();
  t.deepEqual(tables.done, ['make']);
});

test('a change that the kernel does not take is made with all the rest', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.change({ changed: [web], gone: [] });
  tables.refusals = 1;
  await enforcement.change({ changed: [{ ...web, port: 81 }], gone: [] });
  t.deepEqual(tables.done, ['make', 'make']);
});

test('what somebody changed is found, and repaired', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.change({ changed: [web], gone: [] });
  tables.differences = [{ kind: 'table-missing', table: 'inet weft-services' }];
  t.deepEqual((await enforcement.inspect()).findings, [
    {
      problem: 'missing',
      subject: 'inet weft-services',
      message: 'the nftables table inet weft-services is gone: no service is reached',
    },
  ]);
  await enforcement.repair();
  t.deepEqual(tables.done, ['make', 'make']);
  t.deepEqual((await enforcement.inspect()).findings, []);
});

test('without services there is no table', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.change({ changed: [web], gone: [] });
  await enforcement.change({ changed: [], gone: [key] });
  t.deepEqual(tables.done, ['make', 'remove']);
  await enforcement.repair();
  await enforcement.change({ changed: [web], gone: [] });
  t.deepEqual(tables.done, ['make', 'remove', 'make']);
});
