/** Plans of services that were kept up to date, against plans made at once, and against a twin. `SEED=…` replays one history. */
import test, { type ExecutionContext } from 'ava';
import type { Destination, Frontend, PlanningNode } from '../../src/services/service-plan.ts';
import { type BackendsByPort, frontendKey, serviceKey, ServicePlanner } from '../../src/services/service-planner.ts';
import type { Service } from '../../src/services/service.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { RandomServices } from '../support/random-services.ts';
import { twinDestination } from '../support/service-twin.ts';

const HISTORIES = 3_000;
const CHANGES = 12;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

interface State {
  node: PlanningNode;
  readonly services: Map<string, { readonly service: Service; readonly backends: BackendsByPort }>;
}

test(`${HISTORIES} random histories from seed ${first} end in the plan of what is there, which is the twin's`, (t) => {
  const kinds = new Set<string>();
  for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
    const random = new SeededRandom(seed);
    const make = new RandomServices(random);
    const state: State = { node: make.node(), services: new Map() };
    const planner = new ServicePlanner(state.node);
    const followed = new Map<string, Frontend>();
    for (let change = 0; change < CHANGES; change++) {
      changeOne(state, planner, random, make);
      const { changed, gone } = planner.take();
      for (const key of gone) followed.delete(key);
      for (const frontend of changed) followed.set(frontendKey(frontend), frontend);
    }
    if (!isAsFresh(state, followed)) throw new Error(`SEED=${seed}: not as a plan made at once`);
    for (const frontend of followed.values()) {
      if (!isAsTwin(t, frontend, state, kinds)) throw new Error(`SEED=${seed}: ${frontendKey(frontend)}`);
    }
  }
  t.log([...kinds].sort().join(', '));
  t.true(
    kinds.size === 21 || given !== undefined,
    'all came about that can: what is inside is dropped at addresses of the cluster alone',
  );
});

function changeOne(state: State, planner: ServicePlanner, random: SeededRandom, make: RandomServices): void {
  const { services } = state;
  const drawn = make.service(1 + random.below(4));
  const key = serviceKey(drawn);
  const known = services.get(key);
  if (random.happens(0.1)) {
    state.node = make.node();
    planner.moveTo(state.node);
  } else if (known === undefined || random.happens(0.4)) {
    const backends = make.backends(drawn);
    services.set(key, { service: drawn, backends });
    // In whichever order the two come.
    if (random.happens(0.5)) planner.setBackends(key, backends);
    planner.setService(key, drawn);
    planner.setBackends(key, backends);
  } else if (random.happens(0.3)) {
    services.delete(key);
    planner.setService(key, undefined);
    planner.setBackends(key, undefined);
  } else {
    const backends = make.backends(known.service);
    services.set(key, { ...known, backends });
    planner.setBackends(key, backends);
  }
}

function isAsFresh({ node, services }: State, followed: ReadonlyMap<string, Frontend>): boolean {
  const fresh = new ServicePlanner(node);
  for (const [key, { service, backends }] of [...services].toReversed()) {
    fresh.setBackends(key, backends);
    fresh.setService(key, service);
  }
  return inOrder(fresh.take().changed) === inOrder(followed.values());
}

function inOrder(all: Iterable<Frontend>): string {
  return JSON.stringify([...all].map((one) => [frontendKey(one), one] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isAsTwin(t: ExecutionContext, frontend: Frontend, { node, services }: State, kinds: Set<string>): boolean {
  const { address: destination, protocol, port, kind } = frontend;
  const title = frontend.service.split(':')[0]!;
  const { service, backends } = services.get(title)!;
  return ([true, false] as const).every((isInside) => {
    const expected = twinDestination({ destination, protocol, port, isInside }, service, backends, node);
    const planned = isInside ? frontend.inside : frontend.outside;
    kinds.add(`${kind} ${isInside ? 'inside' : 'outside'} ${planned.kind}`);
    const actual = wordsOf(planned);
    if (JSON.stringify(actual) === JSON.stringify(expected)) return true;
    t.log(JSON.stringify({ frontend, service, backends: [...backends], node }, undefined, 1));
    t.deepEqual(actual, expected);
    return false;
  });
}

function wordsOf(destination: Destination): unknown {
  if (destination.kind !== 'backends') return destination.kind;
  return destination.backends.map(({ address, port }) => `${formatIpAddress(address)}:${port}`).sort();
}
