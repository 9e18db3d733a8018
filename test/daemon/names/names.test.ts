import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Names, type NamesOptions } from '../../../src/daemon/names/names.ts';
import { NodeResolver } from '../../../src/daemon/names/node-resolver.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import type { NamedNode } from '../../../src/names/name-table.ts';
import type { NamedService } from '../../../src/names/service-names.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

/** Names with a thread that listens nowhere. */
function start(change: Partial<NamesOptions> = {}) {
  const events = new EventLog(() => 0);
  const names = new Names({
    domain: ['weft', 'internal'],
    nodeName: 'n1',
    clusterPrefixes: [],
    ttlSeconds: 5,
    resolvers: [],
    resolverFile: '/nonexistent/resolv.conf',
    mostDescriptors: () => 16,
    identities: () => ['aa'],
    node: () => ({ name: 'n1', addresses: [], pods: [{ name: 'web', namespace: 'default', addresses: [] }] }),
    place: () => ({ addresses: [], own: [], pods: [] }),
    isSettled: () => true,
    events,
    logger: silentLogger,
    nowMs: () => performance.now(),
    ...change,
  });
  return { names, events, [Symbol.asyncDispose]: async () => await names.close() };
}

test('a thread that dies is told, and another one has all names again', async (t) => {
  const broken = { name: null } as unknown as NamedNode;
  let isBroken = false;
  const node: NamedNode = { name: 'n1', addresses: [], pods: [] };
  await using place = start({ identities: () => ['aa'], node: () => (isBroken ? broken : node) });
  const { names, events } = place;
  await until('the thread runs', () => names.status().known === 1);
  t.deepEqual(names.notices(), []);
  isBroken = true;
  names.nodeChanged('aa');
  await until('it is dead', () => names.notices().length > 0);
  t.is(names.notices()[0]?.code, 'names-thread-died');
  t.regex(names.notices()[0]!.message, /their thread died \(.+\), and another is started/);
  t.is(names.status().known, 0);
  isBroken = false;
  await until('there is another one', () => names.status().known === 1);
  t.deepEqual(names.notices(), []);
  t.deepEqual(
    events.list().map(({ kind, subject }) => [kind, subject]),
    [['names-thread-died', 'n1']],
  );
});

test('a node that is gone takes its names with it', async (t) => {
  let node: NamedNode | undefined = { name: 'n1', addresses: [], pods: [] };
  await using place = start({ node: () => node });
  await until('the node has a name', () => place.names.status().known === 1);
  node = undefined;
  place.names.nodeChanged('aa');
  await until('it has none', () => place.names.status().known === 0);
  t.pass();
});

function service(name: string): NamedService {
  return { namespace: 'shop', name, addresses: [], isHeadless: true };
}

test('services have names, are told anew when they change, and again to another thread', async (t) => {
  const broken = { name: null } as unknown as NamedNode;
  const node: NamedNode = { name: 'n1', addresses: [], pods: [] };
  let isBroken = false;
  let asked = 0;
  let services = [service('web')];
  const list = (): readonly NamedService[] => {
    asked++;
    return services;
  };
  await using place = start({
    node: () => (isBroken ? broken : node),
    services: { prefixes: [], list, isSettled: () => false },
  });
  const { names } = place;
  await until('the node and its service have names', () => names.status().known === 2);
  t.is(asked, 1);
  services = [service('db'), service('api')];
  for (let change = 0; change < 10; change++) names.servicesChanged();
  await until('there is one more', () => names.status().known === 3);
  t.is(asked, 2, 'changes are gathered');
  isBroken = true;
  names.nodeChanged('aa');
  await until('it is dead', () => names.notices().length > 0);
  isBroken = false;
  names.servicesChanged();
  await until('another thread has them all', () => names.status().known === 3);
  services = [];
  names.servicesChanged();
  await until('they are gone', () => names.status().known === 1);
});

test('the resolver is who the file names now, and never weft itself', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-resolver-'));
  const file = join(directory, 'resolv.conf');
  try {
    const resolver = new NodeResolver({
      configured: [],
      file,
      isOfWeft: (address) => formatIpAddress(address) === '10.244.1.1',
    });
    t.deepEqual(resolver.texts(), []);
    writeFileSync(file, 'nameserver 10.244.1.1\nnameserver 192.0.2.1\n');
    resolver.look();
    t.deepEqual(resolver.texts(), ['192.0.2.1']);
    writeFileSync(file, 'nameserver 192.0.2.22\n');
    resolver.look();
    t.deepEqual(resolver.texts(), ['192.0.2.22']);
    rmSync(file);
    resolver.look();
    t.deepEqual(resolver.texts(), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('servers of the configuration come before any file, and may be at weft with another port', (t) => {
  const address = parseIpAddress('10.244.1.1')!;
  const resolver = new NodeResolver({
    configured: [
      { address, zone: '', port: 53 },
      { address, zone: '', port: 5_353 },
    ],
    file: '/etc/resolv.conf',
    isOfWeft: () => true,
  });
  t.deepEqual(resolver.texts(), ['10.244.1.1:5353']);
});
