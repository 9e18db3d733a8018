/** The table of services, kept up to date, against one that is made at once. `SEED=…` replays one history. */
import test from 'ava';
import { ServicePieces } from '../../../src/daemon/services/service-pieces.ts';
import type { NftTableContent } from '../../../src/linux/nft-table-content.ts';
import type { Frontend, PlannedBackend } from '../../../src/services/service-plan.ts';
import { frontendKey, serviceKey, ServicePlanner } from '../../../src/services/service-planner.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';
import { RandomServices } from '../../support/random-services.ts';

const HISTORIES = 100;
const CHANGES = 10;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

const options = {
  tunDevice: 'weft0',
  nodeAddresses: [parseIpAddress('10.244.1.1')!],
  pools: [],
  prefixes: [parsePrefix('10.96.0.0/16')!],
};

test(`${HISTORIES} random histories from seed ${first} end in the table that is made at once`, (t) => {
  for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
    const random = new SeededRandom(seed);
    const make = new RandomServices(random);
    const planner = new ServicePlanner({ ...make.node(), name: 'node1' });
    const pieces = new ServicePieces('node1', options);
    const frontends = new Map<string, Frontend>();
    for (let change = 0; change < CHANGES; change++) {
      const service = make.service(1 + random.below(4));
      planner.setService(serviceKey(service), random.happens(0.2) ? undefined : service);
      planner.setBackends(serviceKey(service), make.backends(service));
      const taken = planner.take();
      for (const key of taken.gone) frontends.delete(key);
      for (const frontend of taken.changed) frontends.set(frontendKey(frontend), frontend);
      pieces.update(taken);
    }
    const fresh = new ServicePieces('node1', options);
    fresh.update({ changed: [...frontends.values()], gone: [] });
    if (wordsOf(pieces.content()) === wordsOf(fresh.content())) continue;
    t.is(wordsOf(pieces.content()), wordsOf(fresh.content()), `SEED=${seed}`);
    return;
  }
  t.pass();
});

test('a backend that is exchanged changes one element, whatever else there is', (t) => {
  const pieces = new ServicePieces('node1', options);
  pieces.update({ changed: [frontend(['10.244.2.1', '10.244.2.2']), frontend(['10.244.2.1'], 81)], gone: [] });
  const revision = pieces.update({ changed: [frontend(['10.244.2.1', '10.244.2.9'])], gone: [] });
  t.deepEqual(revision, {
    counters: { added: [], gone: [] },
    sets: { added: {}, gone: [] },
    elements: new Map([
      [
        'inside4-backend-1',
        { added: ['10.96.0.1 . 6 . 80 : 10.244.2.9 . 8080'], gone: ['10.96.0.1 . 6 . 80 : 10.244.2.2 . 8080'] },
      ],
    ]),
    chains: { changed: {}, gone: [] },
  });
});

test('what frontends share goes with the last of them', (t) => {
  const pieces = new ServicePieces('node1', options);
  pieces.update({ changed: [frontend(['10.244.1.2'], 80, 'node1'), frontend(['10.244.1.2'], 81, 'node1')], gone: [] });
  const elements = (): unknown[] =>
    ['addresses4', 'themselves4'].map((set) => [...pieces.content().sets[set]!.elements!]);
  const shared = [['10.96.0.1'], ['10.244.1.2 . 10.244.1.2']];
  t.deepEqual(elements(), shared);
  pieces.update({ changed: [], gone: ['10.96.0.1 TCP 80'] });
  t.deepEqual(elements(), shared);
  pieces.update({ changed: [], gone: ['10.96.0.1 TCP 81'] });
  t.deepEqual(elements(), [[], []]);
});

function frontend(backends: readonly string[], port = 80, nodeName = 'node2'): Frontend {
  const destination = {
    kind: 'backends' as const,
    backends: backends.map((address): PlannedBackend => ({ address: parseIpAddress(address)!, port: 8080, nodeName })),
  };
  return {
    service: 'shop/web',
    kind: 'cluster',
    address: parseIpAddress('10.96.0.1')!,
    protocol: 'TCP',
    port,
    inside: destination,
    outside: destination,
    masqueradesOutside: true,
    affinitySeconds: undefined,
    sources: undefined,
  };
}

/** In whatever order. */
function wordsOf({ counters, sets, chains }: NftTableContent): string {
  const sorted = Object.entries(sets).map(([name, { elements = [], ...set }]) => [name, set, [...elements].sort()]);
  return JSON.stringify([counters, sorted.sort(byName), Object.entries(chains).sort(byName)]);
}

function byName([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return (a as string) < (b as string) ? -1 : 1;
}
