import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { type ThreadProgram, ThreadReserve } from '../../../src/daemon/process/thread-reserve.ts';

function program(name: string, file = 'waiting-thread.ts'): ThreadProgram {
  return { entry: new URL(`../../support/${file}`, import.meta.url), name };
}

function ended(t: ExecutionContext, thread: Worker): Worker {
  t.teardown(async () => await thread.terminate());
  return thread;
}

async function echoed(thread: Worker, message: string): Promise<unknown> {
  const answer = once(thread, 'message');
  thread.postMessage(message, []);
  return (await answer)[0];
}

test.serial('a thread that was loaded is the one that is taken, once', async (t) => {
  await using reserve = new ThreadReserve();
  reserve.load(program('a'));
  const other = ended(t, reserve.take(program('b')));
  const first = ended(t, reserve.take(program('a')));
  const second = ended(t, reserve.take(program('a')));
  t.true(first.threadId < other.threadId);
  t.true(second.threadId > other.threadId);
  for (const thread of [first, second]) t.is(await echoed(thread, 'hello'), 'hello');
});

test.serial('a program that is missing is an error of the thread that is taken, and of no other', async (t) => {
  await using reserve = new ThreadReserve();
  const missing = program('missing', 'no-such-thread.ts');
  reserve.load(missing);
  const marker = ended(t, reserve.take(program('marker')));
  t.is(await echoed(marker, 'hello'), 'hello');
  const [error] = (await once(ended(t, reserve.take(missing)), 'error')) as [Error];
  t.regex(error.message, /no-such-thread/);
});

// One that is terminated ends with 1, in the midst of loading, and koffi aborts the process then.
test.serial('threads that nobody took end with the reserve, by themselves', async (t) => {
  const reserve = new ThreadReserve();
  const idle = once(process, 'worker') as Promise<[Worker]>;
  reserve.load(program('idle'));
  const exit = once((await idle)[0], 'exit');
  const taken = ended(t, reserve.take(program('taken')));
  await reserve[Symbol.asyncDispose]();
  t.deepEqual(await exit, [0]);
  t.is(await echoed(taken, 'still here'), 'still here');
});
