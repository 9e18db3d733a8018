import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  configKeys,
  configPaths,
  flagOf,
  inlinePaths,
  variableOf,
  type ConfigKey,
} from '../../src/daemon/config/config-key.ts';
import { parseConfigFile } from '../../src/daemon/config/config-file.ts';
import { unknownKeys } from '../../src/daemon/config/config-unknown.ts';

const reference = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), 'utf8');

// Tables are padded to equal widths.
const rows = reference.replaceAll(/ {2,}/g, ' ').split('\n');

for (const path of configPaths) {
  test(`the reference has a row for ${path}, with its flag, variable and default`, (t) => {
    const row = rows.find((line) => line.startsWith(`| \`${path}\` |`)) ?? '';
    const key: ConfigKey = configKeys[path];
    if (inlinePaths.includes(path)) t.true(row.includes(`| \`--${flagOf(path)}\`, \`${variableOf(path)}\` |`), row);
    else t.true(row.includes('| only in the file |'), row);
    if (typeof key.default === 'string') t.true(row.includes(`| \`${key.default}\` |`), row);
  });
}

test('the examples of the reference have only known keys, and one of them has all', (t) => {
  const examples = [...reference.matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, yaml]) => parseConfigFile('example', yaml!).root,
  );
  t.deepEqual(
    examples.flatMap((root) => unknownKeys(root)),
    [],
  );
  const complete = examples.some((root) =>
    configPaths.every((path) => {
      const [group = '', name] = path.split('.');
      const value = root[group];
      return name === undefined ? value !== undefined : Object.hasOwn(value ?? {}, name);
    }),
  );
  t.true(complete);
});
