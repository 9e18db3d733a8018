import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Names, type NamesOptions } from '../../../src/daemon/names/names.ts';
import { NodeResolver } from '../../../src/daemon/names/node-resolver.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import type { NamedNode } from '../../../src/names/name-table.ts';
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
