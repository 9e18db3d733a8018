import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { identifyProcess, isRunning, processesInNamespaces, signalProcess } from '../../src/lab/process-identity.ts';

test('a process that runs is identified, and one that ended is not', async (t) => {
  const child = spawn('sleep', ['60']);
  const identity = identifyProcess(child.pid!)!;
  t.true(isRunning(identity));
  signalProcess(identity, 'SIGKILL');
  await once(child, 'exit');
  t.false(isRunning(identity));
  t.is(identifyProcess(child.pid!), undefined);
});

test('another process with the same number is spared', async (t) => {
  const child = spawn('sleep', ['60']);
  const identity = identifyProcess(child.pid!)!;
  const earlier = { ...identity, startTicks: identity.startTicks - 1 };
  t.false(isRunning(earlier));
  signalProcess(earlier, 'SIGKILL');
  t.true(isRunning(identity));
  signalProcess(identity, 'SIGKILL');
  await once(child, 'exit');
});

test('processes are found by the namespace they are in, this one left out', async (t) => {
  const child = spawn('sleep', ['60']);
  const found = processesInNamespaces(['/proc/self/ns/net']).map(({ pid }) => pid);
  t.true(found.includes(child.pid!));
  t.false(found.includes(process.pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a namespace file that is not there has no processes', (t) => {
  t.deepEqual(processesInNamespaces(['/run/netns/no-such-namespace']), []);
});
