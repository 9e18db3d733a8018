import test from 'ava';
import { LargeStateFile } from '../../../src/daemon/state/large-state-file.ts';

test('what could not be stored is said, and stored by the next try that succeeds, as it is then', async (t) => {
  let isFull = true;
  let stored = '';
  const failures: (string | undefined)[] = [];
  const file = new LargeStateFile('services.json', {
    load: () => stored,
    replace: async (texts) => {
      const text = [...texts].join('');
      await Promise.resolve();
      if (isFull) throw new Error('no space');
      stored = text;
    },
    observe: (_, failure) => failures.push(failure?.message),
  });
  t.false(file.retry());
  let known = 'one';
  await file.keep(() => [known]);
  t.deepEqual(failures, ['services.json cannot be saved: no space']);
  [isFull, known] = [false, 'two'];
  file.retry();
  await file.keep(() => [known, '!']);
  t.deepEqual([stored, failures.slice(1)], ['two!', [undefined, undefined]]);
});
