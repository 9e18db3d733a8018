import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { printableName, processName } from '../../src/linux/process-state.ts';

test('the name of a process has nothing in it that moves a cursor', async (t) => {
  // Writes its own name, and then waits for the end of its input.
  const script = String.raw`printf 'a\033[2J\nb' > /proc/$$/comm; echo; read -r line`;
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.stdin.end());
  await once(child.stdout, 'data');
  t.is(processName(child.pid!), 'a?[2J?b');
});

test('of a long name not everything is shown', (t) => {
  t.is(printableName('x'.repeat(5_000)).length, 64);
  t.is(printableName('zebra', 3), 'zeb');
});

test('of a process that is not there nothing is known', (t) => t.is(processName(2 ** 22 + 1), ''));
