import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import test from 'ava';
import { allowCollecting, collectGarbage } from '../../../src/daemon/process/heap.ts';

allowCollecting();

test('what a collection frees is given back to the system at once', (t) => {
  const garbage = Array.from({ length: 400_000 }, (_, number) => ({ number }));
  const before = process.memoryUsage().heapTotal;
  garbage.length = 0;
  collectGarbage();
  t.true(process.memoryUsage().heapTotal < before - 8 * 2 ** 20);
});

test('a thread gives back what its start left before it goes on, and without idling', async (t) => {
  const heap = new URL('../../../src/daemon/process/heap.ts', import.meta.url).href;
  const source = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(heap)}).then(({ collectGarbage }) => {
      const garbage = Array.from({ length: 400_000 }, (_, number) => ({ number }));
      const before = process.memoryUsage().heapTotal;
      garbage.length = 0;
      collectGarbage();
      parentPort.postMessage(before - process.memoryUsage().heapTotal);
    });`;
  const thread = new Worker(source, { eval: true });
  t.teardown(async () => thread.terminate());
  const [freed] = (await once(thread, 'message')) as [number];
  t.true(freed > 8 * 2 ** 20);
});
