import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { Poll } from '../../src/linux/poll.ts';
import { Wakeup } from '../../src/linux/wakeup.ts';

function pollOf(...fds: readonly number[]): Poll {
  return new Poll(new MappedMemory(Poll.memoryBytes(fds.length)), fds, Abi.POLLIN);
}

test('nothing is ready before a signal', (t) => {
  const wakeup = new Wakeup();
  const poll = pollOf(wakeup.fd);
  t.is(poll.wait(0), 0);
  t.false(poll.isReady(0));
  wakeup.close();
});

test('a wait without signal ends after its time, and not before', (t) => {
  const wakeup = new Wakeup();
  const startMs = performance.now();
  t.is(pollOf(wakeup.fd).wait(20), 0);
  t.true(performance.now() - startMs >= 20);
  wakeup.close();
});

test('signals make the right descriptor ready, until it is drained', (t) => {
  const [first, second] = [new Wakeup(), new Wakeup()];
  const poll = pollOf(first.fd, second.fd);
  second.signal();
  second.signal();
  t.is(poll.wait(-1), 1);
  t.false(poll.isReady(0));
  t.true(poll.isReady(1));
  second.drain();
  t.is(poll.wait(0), 0);
  first.close();
  second.close();
});

test('draining without a signal does not block', (t) => {
  const wakeup = new Wakeup();
  t.notThrows(() => wakeup.drain());
  wakeup.close();
});

test('a descriptor that is closed is ready, so that nobody waits for it for ever', (t) => {
  const wakeup = new Wakeup();
  const poll = pollOf(wakeup.fd);
  wakeup.close();
  t.is(poll.wait(-1), 1);
  t.true(poll.isReady(0));
});

test('a thread that is blocked is woken from another one', async (t) => {
  const wakeup = new Wakeup();
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Poll } = await import(workerData.poll);
    const { MappedMemory } = await import(workerData.memory);
    const poll = new Poll(new MappedMemory(Poll.memoryBytes(1)), [workerData.fd], 1);
    parentPort.postMessage('waiting');
    parentPort.postMessage(poll.wait(-1));
  `;
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: {
      fd: wakeup.fd,
      poll: import.meta.resolve('../../src/linux/poll.ts'),
      memory: import.meta.resolve('../../src/linux/mapped-memory.ts'),
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  thread.on('error', reject);
  thread.on('message', (message) => {
    if (message === 'waiting') void sleep(20).then(() => wakeup.signal());
    else resolve(message);
  });
  t.is(await promise, 1);
  await thread.terminate();
  wakeup.close();
});
