import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { whyNodeIsTooOld } from '../../src/cli/node-version.ts';

for (const version of ['24.12.0', '24.21.0', '26.0.0', '26.1.0-nightly']) {
  test(`Node ${version} is new enough`, (t) => t.is(whyNodeIsTooOld(version), undefined));
}

for (const version of ['20.20.2', '24.11.9', '23.99.0']) {
  test(`Node ${version} is too old`, (t) => t.regex(whyNodeIsTooOld(version)!, new RegExp(`^Node.js ${version} is`)));
}

test('package.json asks for the same', (t) => {
  const file = join(import.meta.dirname, '..', '..', 'package.json');
  const { engines } = JSON.parse(readFileSync(file, 'utf8')) as { engines: { node: string } };
  const [least] = /\d+\.\d+/.exec(engines.node)!;
  const [major, minor] = least.split('.').map(Number);
  t.is(whyNodeIsTooOld(`${least}.0`), undefined);
  t.not(whyNodeIsTooOld(`${major}.${minor! - 1}.0`), undefined);
});
