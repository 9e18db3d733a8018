import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withOrigin } from '../../../src/daemon/config/config-origin.ts';
import { ConfigError } from '../../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-origin-'));
const file = join(directory, 'weft.yaml');
writeFileSync(
  file,
  'nodeName: n1\nunderlay:\n  interface: eth9\nstaticPeers:\n  - name: a\n    endpoint: 198.18.0.9\n',
);
test.after.always(() => rmSync(directory, { recursive: true }));

const located = test.macro({
  exec: (t, path: string, flags: Record<string, string>, expected: string) => {
    const error = withOrigin(new ConfigError(path, 'is wrong'), { file, flags, env: {} });
    t.is(error.message.replace(file, 'weft.yaml'), expected);
    t.is(error.details['path'], path);
  },
  title: (title) => `an error at start names ${title}`,
});

test('file and line of its key', located, 'underlay.interface', {}, 'weft.yaml:3: underlay.interface: is wrong');
test(
  'those of a part of its key',
  located,
  'staticPeers[0].endpoint',
  {},
  'weft.yaml:6: staticPeers[0].endpoint: is wrong',
);
test(
  'the flag that set it',
  located,
  'underlay.interface',
  { 'underlay.interface': 'eth8' },
  '--underlay-interface: underlay.interface: is wrong',
);
test('no place where there is no key', located, 'addresses[0]', {}, 'addresses[0]: is wrong');
