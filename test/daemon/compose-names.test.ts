import test from 'ava';
import { composeNames, type NamesParts } from '../../src/daemon/compose-names.ts';
import type { Composition } from '../../src/daemon/composition.ts';
import { EventLog } from '../../src/daemon/process/event-log.ts';
import { ThreadReserve } from '../../src/daemon/process/thread-reserve.ts';
import type { NamedService } from '../../src/names/service-names.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { until } from '../support/until.ts';

/** Names of a node without addresses, which listens nowhere. */
function compose(opened: AsyncDisposableStack, services: NamesParts['services']) {
  const names = { enabled: true, domain: ['weft', 'internal'], ttlSeconds: 5, resolvers: [] };
  const config = { names, nodeName: 'n1', clusterPrefixes: [] };
  const parts = {
    node: { identity: 'aa', nodeAddresses: [] },
    pods: { list: () => [] },
    podsOf: () => [],
    members: () => [],
    isSettled: () => true,
    resources: { doors: { descriptors: { mostOfNames: 16 } } },
    reserve: new ThreadReserve(),
    ...(services === undefined ? {} : { services }),
  };
  const composition = { config, events: new EventLog(() => 0), logger: silentLogger, opened };
  return composeNames(composition as unknown as Composition, parts as unknown as NamesParts)!;
}

test('services have names where there are services, and are asked for again when they change', async (t) => {
  await using opened = new AsyncDisposableStack();
  let services: NamedService[] = [];
  const composed = compose(opened, { prefixes: [], list: () => services, isSettled: () => true });
  await until('the node has a name', () => composed.names.status().known === 1);
  services = [{ namespace: 'shop', name: 'web', addresses: [], isHeadless: true }];
  composed.servicesChanged();
  await until('the service has one, too', () => composed.names.status().known === 2);
  t.pass();
});

test('where there are no services, that they changed means nothing', async (t) => {
  await using opened = new AsyncDisposableStack();
  const composed = compose(opened, undefined);
  composed.servicesChanged();
  await until('the node has a name', () => composed.names.status().known === 1);
  t.deepEqual(composed.names.notices(), []);
});
