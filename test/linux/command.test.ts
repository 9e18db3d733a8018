import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import test from 'ava';
import { CommandError, RequirementError } from '../../src/errors.ts';
import { runCommand, runJsonCommand, runToItsEnd } from '../../src/linux/command.ts';

const purpose = 'test a command';

test('the output of a command is given back, its input given to it', async (t) => {
  t.is(await runCommand(['cat'], { purpose, input: 'grüße\n' }), 'grüße\n');
});

test('a command without input reads an empty one', async (t) => {
  t.is(await runCommand(['cat'], { purpose }), '');
});

test('arguments are not interpreted', async (t) => {
  t.is(await runCommand(['printf', '%s', '$HOME; `id` *'], { purpose }), '$HOME; `id` *');
});

test('a command that fails says what it was for, and what it wrote', async (t) => {
  const error = await t.throwsAsync(runCommand(['sh', '-c', 'echo no luck >&2; exit 3'], { purpose: 'be lucky' }), {
    instanceOf: CommandError,
  });
  t.is(error.code, 'command-failed');
  t.regex(error.message, /^cannot be lucky: sh .* said: no luck$/);
  t.is(error.details['exitCode'], 3);
});

test('a command that is killed says by what', async (t) => {
  const error = await t.throwsAsync(runCommand(['sh', '-c', 'kill -9 $$'], { purpose }), { instanceOf: CommandError });
  t.regex(error.message, /killed by SIGKILL/);
});

test('what a command wrote before it failed can be had', async (t) => {
  const result = await runToItsEnd(['sh', '-c', 'echo half; echo no luck >&2; exit 3'], { purpose });
  t.deepEqual(result, { stdout: 'half\n', stderr: 'no luck\n', exitCode: 3 });
});

test('a command that takes longer than it may is ended', async (t) => {
  const late = runCommand(['sleep', '20'], { purpose, timeoutMs: 20 });
  t.regex((await t.throwsAsync(late, { instanceOf: CommandError })).message, /killed by SIGKILL/);
});

test('a command that writes more than it may is ended, and nothing of it is given', async (t) => {
  t.is(await runCommand(['printf', '12345'], { purpose, maxOutputBytes: 5 }), '12345');
  const long = runCommand(['sh', '-c', 'while echo 12345; do :; done'], { purpose, maxOutputBytes: 5 });
  t.regex((await t.throwsAsync(long, { instanceOf: CommandError })).message, /more than 5 bytes$/);
});

test('a command that does not read its input fails by its exit code alone', async (t) => {
  await t.throwsAsync(runCommand(['false'], { purpose, input: 'x'.repeat(1_000_000) }), { instanceOf: CommandError });
});

test('of commands that are asked for at once, one is started in each turn of the event loop', async (t) => {
  let turn = 0;
  const count = (): void => {
    turn += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const starts: number[] = [];
  const note = (): void => void starts.push(turn);
  subscribe('child_process', note);
  try {
    await Promise.all(Array.from({ length: 5 }, async () => runCommand(['true'], { purpose })));
  } finally {
    unsubscribe('child_process', note);
    clearImmediate(immediate);
  }
  t.true(starts.length >= 5);
  t.is(new Set(starts).size, starts.length);
});

test('a missing program is a requirement', async (t) => {
  const error = await t.throwsAsync(runCommand(['weft-has-no-such-program'], { purpose }), {
    instanceOf: RequirementError,
  });
  t.is(error.code, 'program-missing');
  t.regex(error.message, /the program weft-has-no-such-program is missing/);
});

test('a program that may not be run is as good as missing', async (t) => {
  const error = await t.throwsAsync(runCommand(['/dev/null'], { purpose }), { instanceOf: RequirementError });
  t.is(error.code, 'program-missing');
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

test.serial('nothing is left of a missing program that would keep this process alive', async (t) => {
  const before = timers();
  await t.throwsAsync(runCommand(['weft-has-no-such-program'], { purpose }));
  t.is(timers(), before);
});

test.serial('system programs are found without a PATH, and before those of npm', async (t) => {
  const path = process.env['PATH'];
  t.teardown(() => (process.env['PATH'] = path));
  delete process.env['PATH'];
  t.is(await runCommand(['printf', 'found'], { purpose }), 'found');
  process.env['PATH'] = '/somewhere/node_modules/.bin';
  t.regex(await runCommand(['printenv', 'PATH'], { purpose }), /\/usr\/sbin:.*:\/somewhere\/node_modules\/\.bin$/m);
});

test('messages are in English whatever the locale', async (t) => {
  t.is(await runCommand(['printenv', 'LC_ALL'], { purpose }), 'C\n');
});

test('JSON is parsed, and nothing at all is an empty list', async (t) => {
  t.deepEqual(await runJsonCommand(['echo', '{"a": [1]}'], { purpose }), { a: [1] });
  t.deepEqual(await runJsonCommand(['true'], { purpose }), []);
});

test('what is not JSON is a failure of the command', async (t) => {
  await t.throwsAsync(runJsonCommand(['echo', 'usage: …'], { purpose }), { instanceOf: CommandError });
});

test('a command that is ended takes along what it started, so that nobody waits for that', async (t) => {
  const late = runCommand(['sh', '-c', 'sleep 20; true'], { purpose, timeoutMs: 50 });
  t.regex((await t.throwsAsync(late, { instanceOf: CommandError })).message, /killed by SIGKILL/);
});
