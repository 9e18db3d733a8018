import test from 'ava';
import { SpacedAnswer } from '../../../src/daemon/doors/spaced-answer.ts';

/** Answers are numbers; they are there when the test says so. */
function spaced() {
  const clock = { nowMs: 0 };
  const asked: PromiseWithResolvers<number>[] = [];
  const find = async (): Promise<number> => {
    asked.push(Promise.withResolvers());
    return await asked.at(-1)!.promise;
  };
  const answer = new SpacedAnswer({ find, goodForMs: 1_000, nowMs: () => clock.nowMs });
  return { clock, asked, answer };
}

test('who asks at one time, or soon after, gets one answer', async (t) => {
  const { clock, asked, answer } = spaced();
  const both = Promise.all([answer.get(), answer.get()]);
  clock.nowMs = 5_000;
  asked[0]!.resolve(1);
  t.deepEqual(await both, [1, 1]);
  clock.nowMs = 5_999;
  t.is(await answer.get(), 1);
  clock.nowMs = 6_000;
  const later = answer.get();
  t.is(asked.length, 2);
  asked[1]!.resolve(2);
  t.is(await later, 2);
});

test('a fresh one is found whatever there is, and takes its place', async (t) => {
  const { asked, answer } = spaced();
  const old = answer.get();
  const fresh = answer.getFresh();
  asked[1]!.resolve(2);
  t.is(await fresh, 2);
  asked[0]!.resolve(1);
  t.is(await old, 1);
  t.is(await answer.get(), 2);
});

test('a failure is kept for nobody', async (t) => {
  const { asked, answer } = spaced();
  const failing = answer.get();
  asked[0]!.reject(new Error('no'));
  await t.throwsAsync(failing, { message: 'no' });
  const next = answer.get();
  asked[1]!.resolve(2);
  t.is(await next, 2);
});
