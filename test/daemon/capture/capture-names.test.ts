import test from 'ava';
import type { NamesSlice } from '../../../src/daemon/capture/capture-messages.ts';
import { CaptureNames } from '../../../src/daemon/capture/capture-names.ts';
import { CaptureNaming } from '../../../src/daemon/capture/capture-naming.ts';
import type { ResolvedRoute } from '../../../src/routing/resolved-route.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const route = (prefix: string, name: string, version = 1): ResolvedRoute => ({
  network: 'default',
  prefix: parsePrefix(prefix)!,
  owner: { kind: 'gossip', identity: `id-${name}`, name },
  version,
});

function found(names: CaptureNames, address: string): string {
  const { bytes } = parseIpAddress(address)!;
  const name = names.route(Uint8Array.from([9, ...bytes]), 1, bytes.length);
  return name === undefined ? 'none' : `${name.prefix} ${name.origin} ${name.version}`;
}

const slice = (routes: readonly ResolvedRoute[], isFirst = true): NamesSlice => ({
  isFirst,
  peers: [],
  routes: routes.map(({ prefix, owner, version }) => ({ prefix, origin: owner.name, version })),
});

test('the longest prefix names the route, for both families, also when asked again', (t) => {
  const names = new CaptureNames();
  names.take(slice([route('10.244.0.0/16', 'n1'), route('10.244.2.0/23', 'n2'), route('fd00:10:244:2::/64', 'n2', 7)]));
  for (let time = 0; time < 2; time++) {
    t.is(found(names, '10.244.3.9'), '10.244.2.0/23 n2 1');
    t.is(found(names, '10.244.4.9'), '10.244.0.0/16 n1 1');
    t.is(found(names, 'fd00:10:244:2::9'), 'fd00:10:244:2::/64 n2 7');
    t.is(found(names, '10.245.0.1'), 'none');
  }
});

test('later slices add to the first one, and a new first one takes the place of all', (t) => {
  const names = new CaptureNames();
  names.take(slice([route('10.244.1.0/24', 'n1')]));
  t.is(found(names, '10.244.2.1'), 'none');
  names.take(slice([route('10.244.2.0/24', 'n2')], false));
  t.is(found(names, '10.244.2.1'), '10.244.2.0/24 n2 1');
  names.take(slice([route('10.244.2.0/24', 'n3')]));
  t.is(found(names, '10.244.2.1'), '10.244.2.0/24 n3 1');
  t.is(found(names, '10.244.1.1'), 'none');
});

test('many routes are told in several parts, with room for others in between', async (t) => {
  const inUse = Array.from({ length: 5_000 }, (_, index) => route(`10.${index >> 8}.${index & 0xff}.0/24`, 'n2'));
  const told: NamesSlice[] = [];
  const naming = new CaptureNaming({
    routes: { inUse, waysTo: () => ({ direct: 3, relayed: { relay: 'n3', peer: 9 } }) },
    peers: () => [{ name: 'n2', identity: 'id-n2', kind: 'gossip', endpoint: '198.18.0.2:4789' }],
    tell: (names) => told.push(names),
  });
  const started = naming.start();
  t.is(told.length, 1);
  await started;
  naming.stop();
  t.deepEqual(
    told.map(({ isFirst }) => isFirst),
    [true, false, false],
  );
  t.is(
    told.reduce((sum, { routes }) => sum + routes.length, 0),
    5_000,
  );
  t.deepEqual(
    told[0]!.peers.map(({ number, name, relay }) => [number, name, relay]),
    [
      [3, 'n2', ''],
      [9, 'n2', 'n3'],
    ],
  );
});
