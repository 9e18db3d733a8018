import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { removeResolverFile, writeResolverFile } from '../../../src/daemon/pods/pod-resolver-file.ts';

const resolver = { server: '169.254.1.1', search: ['weft.internal'] };

/** A directory in the place of /etc/netns, which goes with the test. */
function rig() {
  const top = mkdtempSync(join(tmpdir(), 'weft-netns-'));
  const directory = join(top, 'netns');
  return {
    directory,
    path: join(directory, 'web', 'resolv.conf'),
    [Symbol.dispose]: () => rmSync(top, { recursive: true }),
  };
}

test('a namespace of weft gets a file that leads to its node, and loses it with all directories', (t) => {
  using place = rig();
  t.deepEqual(writeResolverFile('web', resolver, place.directory), []);
  t.is(
    readFileSync(place.path, 'utf8'),
    '# Written by weft, and removed with the pod.\nnameserver 169.254.1.1\nsearch weft.internal\noptions timeout:1 attempts:3\n',
  );
  removeResolverFile('web', place.directory);
  t.false(existsSync(place.directory));
  removeResolverFile('web', place.directory);
});

test('one that an earlier pod left is written anew, and other files beside it stay', (t) => {
  using place = rig();
  t.deepEqual(writeResolverFile('web', { server: '192.0.2.1', search: ['old.test'] }, place.directory), []);
  t.deepEqual(writeResolverFile('web', resolver, place.directory), []);
  t.regex(readFileSync(place.path, 'utf8'), /^nameserver 169\.254\.1\.1$/m);
  const hosts = join(place.directory, 'web', 'hosts');
  writeFileSync(hosts, '');
  removeResolverFile('web', place.directory);
  t.false(existsSync(place.path));
  t.true(existsSync(hosts));
});

test("somebody else's file is neither written nor removed, and that is said", (t) => {
  using place = rig();
  mkdirSync(join(place.directory, 'web'), { recursive: true });
  writeFileSync(place.path, 'nameserver 192.0.2.1\n');
  const [notice] = writeResolverFile('web', resolver, place.directory);
  t.is(notice?.code, 'resolver-file-not-written');
  t.regex(notice!.message, /web\/resolv\.conf was there, and is not weft's$/);
  removeResolverFile('web', place.directory);
  t.is(readFileSync(place.path, 'utf8'), 'nameserver 192.0.2.1\n');
});

test('nothing is written through a link', (t) => {
  using place = rig();
  mkdirSync(join(place.directory, 'web'), { recursive: true });
  const target = join(place.directory, 'target');
  symlinkSync(target, place.path);
  t.is(writeResolverFile('web', resolver, place.directory)[0]?.code, 'resolver-file-not-written');
  t.false(existsSync(target));
});

test('where nothing can be written, the pod is told, and not refused', (t) => {
  using place = rig();
  writeFileSync(place.directory, '');
  t.is(writeResolverFile('web', resolver, place.directory)[0]?.code, 'resolver-file-not-written');
  t.notThrows(() => removeResolverFile('web', place.directory));
});
