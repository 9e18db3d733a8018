import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { StateDirectory } from '../../../src/daemon/state/state-directory.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** A state directory in whose place there is a file as long as nothing is to be written. */
function blocked(t: ExecutionContext) {
  const parent = mkdtempSync(join(tmpdir(), 'weft-state-'));
  t.teardown(() => rmSync(parent, { recursive: true }));
  const path = join(parent, 'state');
  const clock = new ManualClock();
  const events: string[] = [];
  const directory = new StateDirectory({
    path,
    events: { add: (kind) => void events.push(kind) },
    logger: silentLogger,
    clock,
    wallClockMs: () => Date.parse('2026-01-01T00:00:00Z'),
  });
  const block = (): void => writeFileSync(path, '');
  const unblock = (): void => rmSync(path, { recursive: true, force: true });
  return { directory, clock, events, path, block, unblock };
}

test('what cannot be stored is said, tried again, and said no more when it is stored', (t) => {
  const { directory, clock, events, path, block, unblock } = blocked(t);
  const [keys, pods] = [directory.file('keys.json'), directory.file('pods.json')];
  block();
  keys.keep({ keys: 1 });
  pods.keep({ pods: 1 });
  const [notice, ...others] = directory.notices();
  t.is(notice?.code, 'store-unwritable');
  t.regex(notice?.message ?? '', /^keys\.json, pods\.json in .* since 2026-01-01T00:00:00\.000Z \((ENOTDIR|EEXIST)/);
  t.deepEqual(others, []);
  t.deepEqual(
    directory.failing().map(({ file }) => file),
    ['keys.json', 'pods.json'],
  );
  clock.advance(12_000);
  t.deepEqual(events, ['store-failed']);
  unblock();
  clock.advance(5_000);
  t.deepEqual(directory.notices(), []);
  t.deepEqual(events, ['store-failed', 'store-recovered']);
  t.deepEqual(JSON.parse(readFileSync(join(path, 'pods.json'), 'utf8')), { pods: 1 });
});

test('a directory that nothing is written to is looked at now and then', (t) => {
  const { directory, clock, block, unblock } = blocked(t);
  directory.file('keys.json').keep({ keys: 1 });
  clock.advance(60_000);
  t.deepEqual(directory.notices(), []);
  unblock();
  block();
  clock.advance(60_000);
  t.is(directory.notices().length, 1);
});

test('one that is closed tries nothing any more', (t) => {
  const { directory, clock, path, block, unblock } = blocked(t);
  const file = directory.file('keys.json');
  block();
  file.keep({ keys: 1 });
  directory.close();
  unblock();
  clock.advance(200_000);
  t.throws(() => readFileSync(join(path, 'keys.json')), { code: 'ENOENT' });
});
