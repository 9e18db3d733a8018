import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { awaitTurn, isFollowed } from '../../../src/daemon/process/standby.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-standby-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state');
}

const goesOn = new AbortController().signal;

test('the first one works at once, and the next one when that has ended', async (t) => {
  const path = place(t);
  const first = await awaitTurn(path, () => t.fail('nobody is before it'), goesOn);
  const waits = Promise.withResolvers<void>();
  t.false(isFollowed(path));
  const second = awaitTurn(path, () => waits.resolve(), goesOn);
  await waits.promise;
  t.true(isFollowed(path));
  first![Symbol.dispose]();
  using lock = await second;
  t.truthy(lock);
  t.false(isFollowed(path));
});

test('a third one waits until the second one works', async (t) => {
  const path = place(t);
  const first = await awaitTurn(path, () => t.fail('nobody is before it'), goesOn);
  const [secondWaits, thirdWaits] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const second = awaitTurn(path, () => secondWaits.resolve(), goesOn);
  await secondWaits.promise;
  const third = awaitTurn(path, () => thirdWaits.resolve(), goesOn);
  first![Symbol.dispose]();
  const lock = await second;
  await thirdWaits.promise;
  t.true(isFollowed(path));
  lock![Symbol.dispose]();
  using last = await third;
  t.truthy(last);
});

test('one that is to end while it stands by takes nothing', async (t) => {
  const path = place(t);
  const first = await awaitTurn(path, () => t.fail('nobody is before it'), goesOn);
  const end = new AbortController();
  t.is(await awaitTurn(path, () => end.abort(), end.signal), undefined);
  first![Symbol.dispose]();
  using third = await awaitTurn(path, () => t.fail('the one that ended has it'), goesOn);
  t.truthy(third);
});
