import test from 'ava';
import { PodTurns } from '../../../src/daemon/pods/pod-turns.ts';

/** Operations that say when they begin and end, and end when they are let go. */
function recorded() {
  const story: string[] = [];
  const ends = new Map<string, () => void>();
  const operation = (name: string) => async () => {
    story.push(`${name} begins`);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    story.push(`${name} ends`);
    return name;
  };
  return { story, operation, end: (name: string) => ends.get(name)!() };
}

const fails = async (): Promise<string> => await Promise.reject(new Error('no'));
const works = async (): Promise<string> => await Promise.resolve('yes');
const soon = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

test('those about different containers that wait have one turn together, and no other operation beside them', async (t) => {
  const turns = new PodTurns(
    async () => await Promise.resolve(),
    () => undefined,
  );
  const { story, operation, end } = recorded();
  const first = turns.alone(operation('first'));
  const all = [
    turns.together('a', operation('a1')),
    turns.together('b', operation('b')),
    turns.together('a', operation('a2')),
  ];
  const last = turns.alone(operation('last'));
  await soon();
  t.deepEqual(story, ['first begins']);
  end('first');
  await first;
  await soon();
  t.deepEqual(story.slice(2), ['a1 begins', 'b begins']);
  end('a1');
  await soon();
  t.deepEqual(story.slice(4), ['a1 ends', 'a2 begins']);
  const later = turns.together('c', operation('c'));
  end('b');
  end('a2');
  t.deepEqual(await Promise.all(all), ['a1', 'b', 'a2']);
  await soon();
  t.is(story.at(-1), 'last begins');
  end('last');
  await last;
  await soon();
  end('c');
  t.is(await later, 'c');
});

test('one that fails spoils no other, and one that cannot begin says so', async (t) => {
  let problem: Error | undefined;
  const turns = new PodTurns(
    async () => {
      await Promise.resolve();
      if (problem !== undefined) throw problem;
    },
    () => undefined,
  );
  const outcomes = await Promise.allSettled([
    turns.together('a', fails),
    turns.together('a', works),
    turns.together('b', works),
  ]);
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  problem = new Error('not now');
  await t.throwsAsync(turns.together('a', works), { message: 'not now' });
  problem = undefined;
  t.is(await turns.together('a', works), 'yes');
});

test('it is known whether somebody changes something, until all have ended, well or not', async (t) => {
  const turns = new PodTurns(
    async () => Promise.resolve(),
    () => undefined,
  );
  t.false(turns.isChanging);
  const outcomes = Promise.allSettled([turns.together('a', fails), turns.together('b', works)]);
  t.true(turns.isChanging);
  await outcomes;
  t.false(turns.isChanging);
});

test('one that waits for something of its own delays none but those of its key', async (t) => {
  const turns = new PodTurns(
    async () => await Promise.resolve(),
    () => undefined,
  );
  const { story, operation, end } = recorded();
  const known = Promise.withResolvers<void>();
  const held = turns.together('a', operation('a'), known.promise);
  const behind = turns.together('a', operation('behind a'));
  t.true(turns.isChanging);
  const others = [turns.together('b', operation('b')), turns.alone(operation('alone'))];
  await soon();
  end('b');
  await soon();
  end('alone');
  await Promise.all(others);
  t.deepEqual(story, ['b begins', 'b ends', 'alone begins', 'alone ends']);
  known.resolve();
  await soon();
  t.is(story.at(-1), 'a begins');
  end('a');
  await soon();
  t.is(story.at(-1), 'behind a begins');
  end('behind a');
  t.deepEqual(await Promise.all([held, behind]), ['a', 'behind a']);
  t.false(turns.isChanging);
});

test('one that has its turn alone waits outside of it, too, and holds up those of its key only', async (t) => {
  const turns = new PodTurns(
    async () => await Promise.resolve(),
    () => undefined,
  );
  const { story, operation, end } = recorded();
  const known = Promise.withResolvers<void>();
  const added = turns.inOrder('web', operation('add web'), known.promise);
  const removed = turns.inOrder('web', operation('remove web'));
  const other = turns.inOrder('db', operation('add db'));
  await soon();
  end('add db');
  await other;
  t.deepEqual(story, ['add db begins', 'add db ends']);
  known.resolve();
  await soon();
  end('add web');
  await added;
  await soon();
  end('remove web');
  await removed;
  t.deepEqual(story.slice(2), ['add web begins', 'add web ends', 'remove web begins', 'remove web ends']);
});
