import test from 'ava';
import { DenierNames, deniersOf } from '../../../src/daemon/policy/denier-names.ts';
import { tagOfIsolation, tagOfRule } from '../../../src/daemon/policy/policy-names.ts';
import type { IsolationPlan, PlannedRule } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { WeftError } from '../../../src/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** More than the names of rules that are gone. */
const MANY = 5_000;

class StoreDouble {
  readonly behind = undefined;
  saved: unknown;
  saves = 0;

  constructor(saved?: unknown) {
    this.saved = saved;
  }

  load(): unknown {
    if (this.saved instanceof Error) throw this.saved;
    return this.saved;
  }

  save(document: unknown): void {
    this.keep(document);
  }

  keep(document: unknown): void {
    this.saved = JSON.parse(JSON.stringify(document));
    this.saves++;
  }
}

function rule(name: string, action: PlannedRule['action'] = 'deny', isAudit = false): PlannedRule {
  return { tier: 'admin', name, action, isAudit, peers: undefined, ports: undefined };
}

function isolation(key: string, isolatedBy: readonly string[], rules: readonly PlannedRule[] = []): IsolationPlan {
  return { key, direction: 'ingress', rules, isolatedBy, isAudit: false };
}

function naming(store = new StoreDouble(), plan = new PlanState()) {
  const clock = new ManualClock();
  const names = new DenierNames({ store, plan: () => plan, clock, logger: silentLogger });
  const add = (...isolations: readonly IsolationPlan[]) => {
    plan.change(plan.changeTo({ pods: [], isolations, peerSets: [], portSets: [] }));
    names.add(isolations);
  };
  return { store, clock, names, add };
}

test('rules that deny have names, and isolations that isolate; rules that allow do not', (t) => {
  const rules = [rule('tenants ingress[0].from[1]', 'deny', true), rule('shop/web ingress[0]', 'allow')];
  t.deepEqual(
    deniersOf(isolation('a', ['shop/a', 'shop/b', 'shop/c', 'shop/d'], rules)).map(([, denier]) => denier),
    [
      {
        direction: 'ingress',
        policy: 'tenants',
        rule: 'ingress[0].from[1]',
        text: 'tenants ingress[0].from[1]',
        isAudit: true,
      },
      {
        direction: 'ingress',
        policy: 'shop/a+shop/b+shop/c+...',
        rule: '',
        text: 'isolated by shop/a, shop/b, shop/c and 1 more, no rule matches',
        isAudit: false,
      },
    ],
  );
  t.deepEqual(deniersOf(isolation('a', [])), []);
});

test('names outlast the rules, and the daemon', (t) => {
  const { store, clock, names, add } = naming();
  const first = isolation('a', ['shop/web'], [rule('tenants ingress[0].from[0]')]);
  add(first);
  add();
  const tags = [tagOfIsolation(first), tagOfRule(first.rules[0]!)];
  const texts = ['isolated by shop/web, no rule matches', 'tenants ingress[0].from[0]'];
  t.deepEqual(
    tags.map((tag) => names.of(tag)?.text),
    texts,
  );
  t.is(store.saves, 0);
  clock.advance(1_000);
  t.is(store.saves, 1);
  const next = naming(new StoreDouble(store.saved));
  t.deepEqual(
    tags.map((tag) => next.names.of(tag)?.text),
    texts,
  );
  t.is(next.names.of('r0000000000000000'), undefined);
  t.is(next.names.of('cut')?.rule, 'cut');
});

test('what was not stored yet is stored at the end, and many changes in a second once', (t) => {
  const { store, names, add } = naming();
  for (let change = 0; change < 10; change++) add(isolation(`${change}`, ['shop/web']));
  names.close();
  names.close();
  t.is(store.saves, 1);
});

test('of what is gone only the newest are known, and of the plan all, however many there are', (t) => {
  const { store, names, add } = naming();
  const rules = Array.from({ length: MANY }, (_, at) => rule(`all ingress[${at}]`));
  add(isolation('a', [], rules));
  const known = () => rules.filter((one) => names.of(tagOfRule(one)) !== undefined).length;
  t.is(known(), MANY);
  add(
    isolation(
      'b',
      [],
      Array.from({ length: MANY }, (_, at) => rule(`other ingress[${at}]`)),
    ),
  );
  t.true(known() < MANY);
  names.close();
  t.is((store.saved as unknown[]).length, 4_096);
});

for (const [name, document] of [
  ['no names', { names: [] }],
  ['a tag that is none', [{ tag: 'x', direction: '', policy: '', rule: '', text: '', isAudit: false }]],
  ['a file that is broken', new WeftError('store-corrupt', 'it cannot be read')],
] as const)
  test(`${name}: nothing is known, and that is no error`, (t) => {
    t.is(naming(new StoreDouble(document)).names.of('x'), undefined);
  });
