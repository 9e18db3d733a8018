import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLog } from '../../../src/daemon/process/log.ts';

function written(
  t: ExecutionContext,
  options: Parameters<typeof openLog>[0],
  write: (log: ReturnType<typeof openLog>) => void,
) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-log-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'log');
  const descriptor = openSync(file, 'w');
  write(openLog(options, descriptor));
  closeSync(descriptor);
  return readFileSync(file, 'utf8').trim();
}

function lines(t: ExecutionContext, level: 'debug' | 'warn', write: (log: ReturnType<typeof openLog>) => void) {
  const text = written(t, { level, format: 'auto' }, write);
  return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is JSON with level, time, fields and message, and is there at once', (t) => {
  const [line] = lines(t, 'debug', (log) => log.info({ port: 4789 }, 'listening'));
  t.like(line, { level: 'info', port: 4789, msg: 'listening' });
  t.regex(line!['time'] as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.deepEqual(Object.keys(line!).sort(), ['level', 'msg', 'port', 'time']);
});

test('lines below the level are left out', (t) => {
  const written = lines(t, 'warn', (log) => {
    log.info({}, 'quiet');
    log.warn({}, 'loud');
  });
  t.deepEqual(
    written.map(({ msg }) => msg),
    ['loud'],
  );
});

test('a log that cannot be written does not end the process', (t) => {
  const full = openSync('/dev/full', 'w');
  t.notThrows(() => openLog({ level: 'debug', format: 'json' }, full).error({}, 'nobody reads this'));
  closeSync(full);
});

test('an error comes with its message and stack', (t) => {
  const [line] = lines(t, 'debug', (log) => log.error({ err: new Error('broken') }, 'it failed'));
  t.like(line, { err: { message: 'broken' } });
});

test('text is for people, and has no colours in a file', (t) => {
  const text = written(t, { level: 'info', format: 'text' }, (log) => log.info({ port: 4789 }, 'listening'));
  t.regex(text, /^\d\d:\d\d:\d\d\.\d{3} info  listening +port=4789$/);
});
