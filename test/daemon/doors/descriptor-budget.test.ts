import test from 'ava';
import { DescriptorBudget, type Door } from '../../../src/daemon/doors/descriptor-budget.ts';

const doors: readonly Door[] = ['metrics', 'control', 'reading', 'capture', 'gossip', 'conversations'];

function rig(limit: number, open = 55) {
  const machine = { limit };
  const budget = new DescriptorBudget({ workers: 1, limit: () => machine.limit, open: () => open });
  budget.settle();
  const total = (): number => doors.reduce((sum, door) => sum + budget.mostAt(door), 0);
  return { budget, machine, total };
}

test('with descriptors enough, each door lets in what is of use, and nothing is said', (t) => {
  const { budget, total } = rig(1_024);
  t.is(budget.mostAt('metrics'), 32);
  t.is(total(), 240);
  t.deepEqual(budget.notices(), []);
});

test('with few, doors share what the daemon does not need itself, and that is said', (t) => {
  const { budget, total } = rig(256);
  // An eighth of all is for names.
  t.true(total() <= 256 - 55 - 130 - 32, `${total()} connections`);
  t.true(doors.every((door) => budget.mostAt(door) >= 4));
  const [notice] = budget.notices();
  t.is(notice?.code, 'descriptors-few');
  t.regex(notice!.message, /may have 256 descriptors .* wants 457: .*metrics 5 of 32.* raise LimitNOFILE=/);
});

test('with hardly any, each door still lets in a few', (t) => {
  const { total } = rig(100);
  t.is(total(), 24);
});

test('a limit that somebody changes counts at once', (t) => {
  const { budget, machine } = rig(1_024);
  machine.limit = 256;
  t.is(budget.mostAt('control'), 5);
  t.is(budget.notices().length, 1);
  machine.limit = Infinity;
  t.is(budget.mostAt('control'), 32);
});

test('names have a part of few descriptors, and of many no more than is of use', (t) => {
  t.is(rig(64).budget.mostOfNames, 16);
  t.is(rig(1_024).budget.mostOfNames, 128);
  t.is(rig(1_048_576).budget.mostOfNames, 320);
  t.is(rig(Infinity).budget.mostOfNames, 320);
});
