import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { configuredSockets, defaultSockets } from '../../../src/cli/configured-socket.ts';
import { configFileOf, readOnlySocketPath } from '../../../src/daemon/config/config-place.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-place-'));
test.after.always(() => rmSync(directory, { recursive: true }));
const file = join(directory, 'weft.yaml');
const nowhere = join(directory, 'nowhere.yaml');
writeFileSync(file, 'control: {socket: /run/weft/n1.sock}\n');

test('a file that is named counts before that of the variable, and that before the default one', (t) => {
  t.is(configFileOf('/a', { WEFT_CONFIG: '/b' }, file), '/a');
  t.is(configFileOf(undefined, { WEFT_CONFIG: '/b' }, file), '/b');
  t.is(configFileOf(undefined, { WEFT_CONFIG: '' }, file), file);
  t.is(configFileOf(undefined, {}, nowhere), undefined);
});

test('the read-only socket is beside the other', (t) => {
  t.is(readOnlySocketPath('/run/weft/weft.sock'), '/run/weft/weft-ro.sock');
  t.is(readOnlySocketPath('/tmp/other'), '/tmp/other-ro.sock');
});

test('commands find the daemon where its configuration has it', async (t) => {
  t.like(await configuredSockets({}, file), { socket: '/run/weft/n1.sock', readOnlySocket: '/run/weft/n1-ro.sock' });
  const { origin } = await configuredSockets({ WEFT_CONFIG: file }, nowhere);
  t.true(origin.includes(file));
  const both = join(directory, 'both.yaml');
  writeFileSync(both, 'control: {socket: /a.sock, readOnlySocket: /b.sock}\n');
  t.like(await configuredSockets({}, both), { socket: '/a.sock', readOnlySocket: '/b.sock' });
});

test('without a file, or a socket in it, they look at the default', async (t) => {
  t.deepEqual(await configuredSockets({}, nowhere), defaultSockets);
  const without = join(directory, 'without.yaml');
  writeFileSync(without, 'control: 7\n');
  t.deepEqual(await configuredSockets({}, without), defaultSockets);
});

test('a file that is none is said, and the default counts', async (t) => {
  const broken = join(directory, 'broken.yaml');
  writeFileSync(broken, 'control: {');
  const { socket, origin } = await configuredSockets({}, broken);
  t.is(socket, defaultSockets.socket);
  t.regex(origin, /broken\.yaml cannot be read/);
});
