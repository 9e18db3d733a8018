/** What runs in the pods of a check, run here: a server, and clients of it, each a process of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import test from 'ava';
import { type AgentAnswer, type AgentOrder, agentProgram } from '../../src/kubectl/check-agent.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const servers: ChildProcess[] = [];
test.after.always(() => servers.forEach((server) => server.kill('SIGKILL')));

async function client(order: Partial<AgentOrder>): Promise<AgentAnswer> {
  const whole = { kind: 'tcp', family: 4, target: '127.0.0.1', port: 1, timeoutMs: 20_000, ...order };
  const args = ['-e', agentProgram(), 'client', JSON.stringify(whole)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as AgentAnswer;
}

test('a client is answered by a server that starts after it', async (t) => {
  const port = await freePort();
  const early = client({ port });
  servers.push(spawn(process.execPath, ['-e', agentProgram(port), 'server'], { stdio: 'ignore' }));
  const { ok, detail, tookMs } = await early;
  t.deepEqual([ok, detail], [true, hostname()]);
  t.true(tookMs > 0);
});

test('a client that is refused to its end says so', async (t) => {
  // Nobody listens at port 1.
  const { ok, detail } = await client({ port: 1, timeoutMs: 600 });
  t.deepEqual([ok, detail], [false, 'the connection was refused']);
});

test('names are looked up, and those that are not there as well', async (t) => {
  const found = await client({ kind: 'dns', target: 'localhost' });
  t.deepEqual([found.ok, found.detail.split(' ')[0]], [true, '127.0.0.1']);
  const missing = await client({ kind: 'dns', target: 'nobody.invalid', timeoutMs: 4_000 });
  t.false(missing.ok);
});

test('the first process of a container ends when it is told to', async (t) => {
  const idle = spawn(process.execPath, ['-e', `${agentProgram()}; process.stdout.write('x')`, 'idle']);
  servers.push(idle);
  let isRunning = false;
  idle.stdout.on('data', () => (isRunning = true));
  await until('it runs', () => isRunning);
  idle.kill('SIGTERM');
  await until('it has ended', () => idle.exitCode === 0);
  t.pass();
});
