import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CONFLIST, install, networksBefore, uninstall } from '../../src/cni/installation.ts';

const network = { socket: '/run/weft/weft.sock', spool: '/var/lib/weft/cni-spool' };

function placesOf(t: ExecutionContext) {
  const root = mkdtempSync(join(tmpdir(), 'weft-install-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const where = { binDirectory: join(root, 'bin'), confDirectory: join(root, 'net.d') };
  mkdirSync(where.binDirectory);
  mkdirSync(where.confDirectory);
  const plugin = join(root, 'plugin');
  writeFileSync(plugin, 'a program');
  const [program, conflist] = [join(where.binDirectory, 'weft-cni'), join(where.confDirectory, CONFLIST)];
  return { root, where, plugin, program, conflist };
}

const outcomes = (files: readonly { outcome: string }[]): string[] => files.map(({ outcome }) => outcome);

test('the plugin and its network are put in place, once, and taken away', (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  t.deepEqual(outcomes(install(plugin, network, where)), ['written', 'written']);
  t.deepEqual(outcomes(install(plugin, network, where)), ['unchanged', 'unchanged']);
  t.is(readFileSync(program, 'utf8'), 'a program');
  t.is(statSync(program).mode & 0o777, 0o755);
  const { plugins } = JSON.parse(readFileSync(conflist, 'utf8')) as { plugins: object[] };
  t.like(plugins[0], { type: 'weft-cni', ...network });
  t.deepEqual([...readdirSync(where.binDirectory), ...readdirSync(where.confDirectory)], ['weft-cni', CONFLIST]);
  t.deepEqual(outcomes(uninstall(0, where)), ['removed', 'removed']);
  t.deepEqual(outcomes(uninstall(0, where)), ['missing', 'missing']);
});

test('a newer plugin takes the place of the old one, and a network that was changed by hand stays', (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  install(plugin, network, where);
  writeFileSync(plugin, 'a newer program');
  const chain = readFileSync(conflist, 'utf8').replace('"portmap"', '"tuning"');
  writeFileSync(conflist, chain);
  t.deepEqual(outcomes(install(plugin, network, where)), ['written', 'kept']);
  t.is(readFileSync(program, 'utf8'), 'a newer program');
  t.is(readFileSync(conflist, 'utf8'), chain);
});

test('what is not ours is not touched', (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  const bridge = JSON.stringify({ name: 'other', plugins: [{ type: 'bridge' }] });
  writeFileSync(conflist, bridge);
  t.throws(() => install(plugin, network, where), { message: /is not a network of weft-cni: move it away/ });
  t.deepEqual(readdirSync(where.binDirectory), []);
  t.deepEqual(outcomes(uninstall(0, where)), ['kept', 'missing']);
  t.is(readFileSync(conflist, 'utf8'), bridge);
  rmSync(conflist);
  writeFileSync(join(where.confDirectory, '00-other.conflist'), bridge);
  install(plugin, network, where);
  t.deepEqual(networksBefore(where), ['00-other.conflist']);
  t.is(readFileSync(program, 'utf8'), 'a program');
});

test('symbolic links are not followed', (t) => {
  const { root, where, plugin, program, conflist } = placesOf(t);
  const victim = join(root, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, program);
  t.throws(() => install(plugin, network, where), { message: /is a symbolic link, which is not followed/ });
  rmSync(program);
  symlinkSync(victim, conflist);
  t.throws(() => install(plugin, network, where), { message: /is a symbolic link/ });
  rmSync(conflist);
  const link = join(root, 'link');
  symlinkSync(plugin, link);
  t.throws(() => install(link, network, where), {
    message: /the plugin .* cannot be read: .*npm run build:cni makes it/,
  });
  t.is(readFileSync(victim, 'utf8'), 'precious');
});

test('the plugin stays while containers, or another network, need it', (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  install(plugin, network, where);
  const [, kept] = uninstall(3, where);
  t.like(kept, {
    path: program,
    outcome: 'kept',
    why: '3 containers are attached, which are deleted with it: run this again then',
  });
  t.false(readdirSync(where.confDirectory).includes(CONFLIST));
  t.is(uninstall(undefined, where)[1]?.outcome, 'kept');
  writeFileSync(join(where.confDirectory, '20-own.conf'), JSON.stringify({ type: 'weft-cni' }));
  t.is(uninstall(0, where)[1]?.why, '20-own.conf uses it');
  rmSync(join(where.confDirectory, '20-own.conf'));
  t.is(uninstall(0, where)[1]?.outcome, 'removed');
  t.throws(() => statSync(conflist));
});
