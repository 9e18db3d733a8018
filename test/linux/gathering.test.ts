import test from 'ava';
import { Gathering } from '../../src/linux/gathering.ts';

test('what is asked for at one time is done in one go, and what comes meanwhile in the next', async (t) => {
  const rounds: string[][] = [];
  let late: Promise<void> | undefined;
  const gathering: Gathering<string> = new Gathering(async (items) => {
    rounds.push([...items]);
    late ??= gathering.add('late');
    return await Promise.resolve([]);
  });
  await Promise.all([gathering.add('a'), gathering.add('b')]);
  await late;
  await gathering.add('again');
  t.deepEqual(rounds, [['a', 'b'], ['late'], ['again']]);
});

test("each is told of its own failure, and all of one that was everybody's", async (t) => {
  const gathering = new Gathering<string>(async (items) => {
    if (items.includes('all')) throw new Error('nothing was done');
    return await Promise.resolve(items.map((item) => (item === 'bad' ? new Error('it is bad') : undefined)));
  });
  const outcomes = await Promise.allSettled(['good', 'bad', 'fine'].map(async (item) => gathering.add(item)));
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  const failed = await Promise.allSettled(['all', 'good'].map(async (item) => gathering.add(item)));
  t.true(failed.every(({ status }) => status === 'rejected'));
  await t.notThrowsAsync(gathering.add('good'));
});
