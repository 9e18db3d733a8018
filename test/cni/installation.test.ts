import {
  chmodSync,
  existsSync,
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
import {
  CONFLIST,
  CONFLIST_ALONGSIDE,
  install,
  missingPlugins,
  networksAfter,
  networksBefore,
  uninstall,
} from '../../src/cni/installation.ts';
import { PLUGIN_MARK } from '../../src/cni/plugin-file.ts';

const node = { socket: '/run/weft/weft.sock', spool: '/var/lib/weft/cni-spool' };

const network = async (): Promise<typeof node> => node;

/** Of a daemon that listens somewhere else by now. */
const elsewhere = async (): Promise<typeof node> => ({ ...node, socket: '/run/weft/other.sock' });

/** Our entry in a chain. */
const own = { type: 'weft-cni', ...node };

/** A network that somebody wrote. */
const given = (plugins: readonly object[], more: object = {}) => ({
  given: { text: JSON.stringify({ cniVersion: '1.1.0', name: 'mine', plugins, ...more }), source: 'my.conflist' },
});

/** Programs that are weft's plugin, as far as can be seen. */
const [PROGRAM, NEWER] = [`#!/bin/sh\necho '${PLUGIN_MARK}'\n`, `#!/bin/sh\necho '${PLUGIN_MARK}, newer'\n`];

function placesOf(t: ExecutionContext) {
  const root = mkdtempSync(join(tmpdir(), 'weft-install-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const where = { binDirectory: join(root, 'bin'), confDirectory: join(root, 'net.d') };
  mkdirSync(where.binDirectory);
  mkdirSync(where.confDirectory);
  const plugin = join(root, 'plugin');
  writeFileSync(plugin, PROGRAM);
  const [program, conflist] = [join(where.binDirectory, 'weft-cni'), join(where.confDirectory, CONFLIST)];
  return { root, where, plugin, program, conflist };
}

const outcomes = (files: readonly { outcome: string }[]): string[] => files.map(({ outcome }) => outcome);

test('the plugin and its network are put in place, once, and taken away', async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  t.deepEqual(outcomes(await install(plugin, network, where)), ['written', 'written']);
  t.deepEqual(outcomes(await install(plugin, network, where)), ['unchanged', 'unchanged']);
  t.is(readFileSync(program, 'utf8'), PROGRAM);
  t.is(statSync(program).mode & 0o777, 0o755);
  const { plugins } = JSON.parse(readFileSync(conflist, 'utf8')) as { plugins: object[] };
  t.like(plugins[0], { type: 'weft-cni', ...node });
  t.deepEqual([...readdirSync(where.binDirectory), ...readdirSync(where.confDirectory)], ['weft-cni', CONFLIST]);
  t.deepEqual(outcomes(uninstall(0, where)), ['removed', 'removed']);
  t.deepEqual(outcomes(uninstall(0, where)), ['missing', 'missing']);
});

test('a newer plugin takes the place of the old one, and a network that was changed by hand stays', async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  await install(plugin, network, where);
  writeFileSync(plugin, NEWER);
  const chain = readFileSync(conflist, 'utf8').replace('"ips": true', '"ips": false');
  writeFileSync(conflist, chain);
  t.deepEqual(outcomes(await install(plugin, network, where)), ['written', 'kept']);
  t.is(readFileSync(program, 'utf8'), NEWER);
  t.is(readFileSync(conflist, 'utf8'), chain);
});

test('what is not ours is not touched', async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  const bridge = JSON.stringify({ name: 'other', plugins: [{ type: 'bridge' }] });
  writeFileSync(conflist, bridge);
  await t.throwsAsync(install(plugin, network, where), { message: /is not a network of weft-cni: move it away/ });
  t.deepEqual(readdirSync(where.binDirectory), []);
  t.deepEqual(outcomes(uninstall(0, where)), ['kept', 'missing']);
  t.is(readFileSync(conflist, 'utf8'), bridge);
  rmSync(conflist);
  writeFileSync(join(where.confDirectory, '00-other.conflist'), bridge);
  await install(plugin, network, where);
  t.deepEqual(networksBefore(where), ['00-other.conflist']);
  t.is(readFileSync(program, 'utf8'), PROGRAM);
});

test('symbolic links are not followed', async (t) => {
  const { root, where, plugin, program, conflist } = placesOf(t);
  const victim = join(root, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, program);
  await t.throwsAsync(install(plugin, network, where), { message: /is a symbolic link, which is not followed/ });
  rmSync(program);
  symlinkSync(victim, conflist);
  await t.throwsAsync(install(plugin, network, where), { message: /is a symbolic link/ });
  rmSync(conflist);
  const link = join(root, 'link');
  symlinkSync(plugin, link);
  await t.throwsAsync(install(link, network, where), {
    message: /the plugin .* cannot be read: .*npm run build:cni makes it/,
  });
  t.is(readFileSync(victim, 'utf8'), 'precious');
});

test('the plugin stays while containers, or another network, need it', async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  await install(plugin, network, where);
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

test("a plugin that does not start here takes nobody's place", async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  await install(plugin, network, where);
  for (const [content, why] of [
    [
      `\x7fELF of another processor: ${PLUGIN_MARK}`,
      /weft-cni cannot be written: the plugin cannot be started here: it ended with 12[67]; is it made for this machine?/,
    ],
    [`#!/bin/sh\n# ${PLUGIN_MARK}\nexit 3\n`, /the plugin cannot be started here: it ended with 3; /],
    [`#!/bin/sh\n# ${PLUGIN_MARK}\necho hello\n`, /the plugin cannot be started here: it does not say what it is; /],
    [`#!/bin/sh\n# ${PLUGIN_MARK}\nkill $$\n`, /the plugin cannot be started here: it was ended by SIGTERM; /],
  ] as const) {
    writeFileSync(plugin, content);
    await t.throwsAsync(install(plugin, network, where), { code: 'cni-install-failed', message: why });
  }
  t.is(readFileSync(program, 'utf8'), PROGRAM);
  t.deepEqual(readdirSync(where.binDirectory), ['weft-cni']);
  t.true(existsSync(conflist));
});

test('the network comes after the plugin, and not without an answer of the daemon', async (t) => {
  const { where, plugin, program, conflist } = placesOf(t);
  const absent = async (): Promise<typeof node> => {
    t.is(readFileSync(program, 'utf8'), PROGRAM);
    throw new Error('nobody answers');
  };
  await t.throwsAsync(install(plugin, absent, where), { message: 'nobody answers' });
  t.true(existsSync(program));
  t.false(existsSync(conflist));
});

test('a network that weft made is made anew when the node has changed, and portmap is in the chain when it is there', async (t) => {
  const { where, plugin, conflist } = placesOf(t);
  const types = (): string[] => {
    const { plugins } = JSON.parse(readFileSync(conflist, 'utf8')) as { plugins: { type: string }[] };
    return plugins.map(({ type }) => type);
  };
  const portmap = join(where.binDirectory, 'portmap');
  writeFileSync(portmap, 'no program');
  await install(plugin, network, where);
  t.deepEqual(types(), ['weft-cni']);
  chmodSync(portmap, 0o755);
  t.deepEqual(outcomes(await install(plugin, network, where)), ['unchanged', 'written']);
  t.deepEqual(types(), ['weft-cni', 'portmap']);
  t.deepEqual(missingPlugins(where), []);
  rmSync(portmap);
  t.deepEqual(missingPlugins(where), ['portmap']);
  t.deepEqual(outcomes(await install(plugin, elsewhere, where)), ['unchanged', 'written']);
  t.true(readFileSync(conflist, 'utf8').includes('/run/weft/other.sock'));
});

test('what somebody changed by hand, or broke, is written over and removed by force only', async (t) => {
  const { where, plugin, conflist } = placesOf(t);
  await install(plugin, network, where);
  const made = readFileSync(conflist, 'utf8');
  const byHand = '{ "cniVersion": "1.0.0", "name": "weft", "plugins": [{ "type": "weft-cni" }] }';
  const changed = [
    made.replace('"ips": true', '"ips": false'),
    made.replace('"weft-cni"', '"bridge"'),
    made.slice(0, -4),
  ];
  for (const text of [...changed, byHand]) {
    writeFileSync(conflist, text);
    t.is((await install(plugin, network, where))[1]?.outcome, 'kept');
    t.is(uninstall(0, where)[0]?.outcome, 'kept');
    t.is(readFileSync(conflist, 'utf8'), text);
    t.is((await install(plugin, network, where, { force: true }))[1]?.outcome, 'written');
    t.is(readFileSync(conflist, 'utf8'), made);
  }
  writeFileSync(conflist, byHand);
  t.is(uninstall(0, where, true)[0]?.outcome, 'removed');
  // One of others is not weft's to remove.
  for (const foreign of ['{ "plugins": [{ "type": "bridge" }] }', 'no JSON']) {
    writeFileSync(conflist, foreign);
    await t.throwsAsync(install(plugin, network, where, { force: true }), { code: 'cni-conflict' });
    t.is(uninstall(0, where, true)[0]?.outcome, 'kept');
    t.is(readFileSync(conflist, 'utf8'), foreign);
  }
});

test('as a second network, the plugin stands behind those of the network that is there', async (t) => {
  const { where, plugin } = placesOf(t);
  const place = join(where.confDirectory, CONFLIST_ALONGSIDE);
  const other = join(where.confDirectory, '05-other.conflist');
  const choice = { alongside: 'weft0' };
  const plugins = (): unknown[] => (JSON.parse(readFileSync(place, 'utf8')) as { plugins: unknown[] }).plugins;
  await t.throwsAsync(install(plugin, network, where, choice), {
    code: 'cni-not-ready',
    message: /no network of others/,
  });
  writeFileSync(other, JSON.stringify({ cniVersion: '1.0.0', name: 'other', plugins: [{ type: 'bridge' }] }));
  t.is((await install(plugin, network, where, choice))[1]?.outcome, 'written');
  t.like(JSON.parse(readFileSync(place, 'utf8')), { cniVersion: '1.0.0', name: 'other' });
  t.deepEqual(plugins(), [{ type: 'bridge' }, { ...own, alongside: 'weft0' }]);
  t.is((await install(plugin, network, where, choice))[1]?.outcome, 'unchanged');
  t.deepEqual(networksBefore(where, choice), []);
  t.deepEqual(networksAfter(where, choice), ['05-other.conflist']);
  t.deepEqual(missingPlugins(where, choice), ['bridge']);

  // A single plugin, as it is changed later.
  writeFileSync(other, JSON.stringify({ cniVersion: '1.0.0', name: 'other', type: 'macvlan', master: 'eth0' }));
  t.is((await install(plugin, network, where, choice))[1]?.outcome, 'written');
  t.deepEqual(plugins(), [
    { type: 'macvlan', master: 'eth0' },
    { ...own, alongside: 'weft0' },
  ]);
  writeFileSync(other, '[');
  await t.throwsAsync(install(plugin, network, where, choice), { code: 'conflist-invalid' });
  t.deepEqual(outcomes(uninstall(0, where)), ['missing', 'removed', 'removed']);
  t.deepEqual(readdirSync(where.confDirectory), ['05-other.conflist']);

  await install(plugin, network, where);
  const message = /weft is the network here already/;
  await t.throwsAsync(install(plugin, network, where, choice), { code: 'cni-conflict', message });
});

test('a network of your own is checked, and not replaced by the usual one', async (t) => {
  const { where, plugin, conflist } = placesOf(t);
  const chain = given([{ ...own, ipam: { type: 'host-local' } }, { type: 'tuning' }]);
  t.is((await install(plugin, network, where, chain))[1]?.outcome, 'written');
  t.deepEqual(missingPlugins(where), ['tuning', 'host-local']);
  t.is((await install(plugin, network, where, chain))[1]?.outcome, 'unchanged');
  t.regex((await install(plugin, network, where))[1]!.why, /it was made of --conf/);
  t.is((await install(plugin, network, where, { force: true }))[1]?.outcome, 'written');
  t.true(readFileSync(conflist, 'utf8').includes('"name": "weft"'));
  const refused: [choice: ReturnType<typeof given>, message: RegExp][] = [
    [{ given: { text: '[', source: 'my.conflist' } }, /^my\.conflist: it is not a JSON object$/],
    [given([{ type: 'bridge' }]), /plugins: none of them is weft-cni/],
    [given([{ ...own, colour: 'red' }]), /colour: "red" is in the network configuration/],
    [given([own], { name: 'a b' }), /name: "a b" is no name/],
    [given([own], { cniVersion: '9.0.0' }), /9\.0\.0/],
    [given([{ type: 'tuning' }, { ...own, socket: '/x' }]), /plugins\[1\]\.socket: the daemon's is .*, and not \/x/],
    [given([{ ...own, spool: '/x' }]), /plugins\[0\]\.spool: the daemon's is .*, and not \/x/],
  ];
  for (const [choice, message] of refused)
    await t.throwsAsync(
      install(plugin, network, where, choice),
      { code: 'conflist-invalid', message },
      String(message),
    );
});

test("another program of the plugin's name is not touched, and none but the plugin is installed", async (t) => {
  const { where, plugin, program } = placesOf(t);
  writeFileSync(program, 'of somebody else');
  await t.throwsAsync(install(plugin, network, where, { force: true }), { code: 'cni-conflict' });
  t.is(uninstall(0, where, true)[1]?.why, 'it is not the plugin of weft');
  t.is(readFileSync(program, 'utf8'), 'of somebody else');
  await t.throwsAsync(install(program, network, where), { code: 'cni-install-failed' });
});

test('directories that others may write are refused, and those that are missing are made', async (t) => {
  const { root, where, plugin, program } = placesOf(t);
  chmodSync(where.confDirectory, 0o777);
  await t.throwsAsync(install(plugin, network, where), { code: 'directory-unsafe', message: /net\.d is no place/ });
  t.throws(() => uninstall(0, where), { code: 'directory-unsafe' });
  t.false(existsSync(program));
  const fresh = { binDirectory: join(root, 'opt/cni/bin'), confDirectory: join(root, 'etc/cni/net.d') };
  t.deepEqual(outcomes(uninstall(0, fresh)), ['missing', 'missing']);
  t.false(existsSync(join(root, 'opt')));
  t.deepEqual(outcomes(await install(plugin, network, fresh)), ['written', 'written']);
});

test('what a crash left half written goes, what somebody else is writing stays, and no link of that name is followed', async (t) => {
  const { root, where, plugin } = placesOf(t);
  const left = (): string[] => readdirSync(where.binDirectory).toSorted();
  // No process has this number: the largest is 2^22.
  const crashed = join(where.binDirectory, '.weft-cni.99999999.tmp');
  const [busy, victim] = [`.weft-cni.${process.ppid}.tmp`, join(root, 'victim')];
  writeFileSync(victim, 'precious');
  writeFileSync(crashed, 'half');
  writeFileSync(join(where.binDirectory, busy), 'half');
  symlinkSync(victim, join(where.binDirectory, `.weft-cni.${process.pid}.tmp`));
  await install(plugin, network, where);
  t.deepEqual(left(), [busy, 'weft-cni']);
  t.is(readFileSync(victim, 'utf8'), 'precious');
  writeFileSync(crashed, 'half');
  uninstall(0, where);
  t.deepEqual(left(), [busy]);
});

test('a network that is none is refused before anything is put in place', async (t) => {
  const { where, plugin, program } = placesOf(t);
  await t.throwsAsync(install(plugin, network, where, given([{ type: 'bridge' }])), { code: 'conflist-invalid' });
  t.false(existsSync(program));
});

test('everybody may start the program, whatever the umask of who installs', async (t) => {
  const { where, plugin, program } = placesOf(t);
  const usual = process.umask(0o077);
  let installed: Promise<unknown>;
  try {
    // The program is in place when this returns, and no other test ran meanwhile.
    installed = install(plugin, network, where);
  } finally {
    process.umask(usual);
  }
  await installed;
  t.is(statSync(program).mode & 0o777, 0o755);
});

test('the program is exchanged, and not written into, so that who runs the old one goes on', async (t) => {
  const { where, plugin, program } = placesOf(t);
  await install(plugin, network, where);
  const { ino } = statSync(program);
  chmodSync(program, 0o700);
  t.is((await install(plugin, network, where))[0]?.outcome, 'written');
  t.not(statSync(program).ino, ino);
  t.is(statSync(program).mode & 0o777, 0o755);
});

test('networks that come after ours are known, and so is force where containers need the plugin', async (t) => {
  const { where, plugin } = placesOf(t);
  await install(plugin, network, where);
  writeFileSync(join(where.confDirectory, '87-podman-bridge.conflist'), '{}');
  writeFileSync(join(where.confDirectory, '99-notes.txt'), '');
  t.deepEqual([networksBefore(where), networksAfter(where)], [[], ['87-podman-bridge.conflist']]);
  symlinkSync('nowhere', join(where.confDirectory, '88-broken.conf'));
  t.is(uninstall(0, where, true)[1]?.why, '88-broken.conf uses it');
  rmSync(join(where.confDirectory, '88-broken.conf'));
  t.is(uninstall(undefined, where, true)[1]?.outcome, 'removed');
});
