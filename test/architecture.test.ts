/** The map of the house, enforced: who may import whom, and what a file may be called. See src/README.md. */
import { readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, normalize } from 'node:path';
import test from 'ava';

const SOURCES = join(import.meta.dirname, '..', 'src');

/** Longest that a file may get, whatever it is about. Long before that, it is judged by whether it is about one thing. */
const MAX_LINES = 420;

/** The pure rooms between `env/` and `linux/`. */
const core = [
  'membership',
  'authentication',
  'routing',
  'ipam',
  'paths',
  'dataplane',
  'capture',
  'explain',
  'firewall',
];

/** Room -> rooms that it may import from, beside itself. `type` is for types only. */
const rooms: Readonly<Record<string, Readonly<Record<string, 'all' | 'type'>>>> = {
  'errors.ts': {},
  wire: { 'errors.ts': 'all' },
  env: { 'errors.ts': 'all', wire: 'all' },
  membership: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  authentication: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  routing: { 'errors.ts': 'all', wire: 'all', env: 'all', membership: 'type' },
  ipam: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  paths: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  dataplane: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  capture: { 'errors.ts': 'all', wire: 'all', env: 'all', dataplane: 'all' },
  explain: { 'errors.ts': 'all', wire: 'all', env: 'all', dataplane: 'all', firewall: 'all' },
  firewall: { 'errors.ts': 'all', wire: 'all', env: 'all' },
  linux: below(...core),
  doctor: below(...core, 'linux'),
  daemon: below(...core, 'linux', 'doctor'),
  cli: below(...core, 'linux', 'doctor', 'daemon', 'lab'),
  lab: below(...core, 'linux', 'doctor', 'daemon'),
  sim: below('membership', 'authentication', 'routing', 'linux'),
};

/** What one door may use of another. `cli/lab.ts` calls the lab, so the way back is open to this one file only. */
const exceptions: readonly (readonly [importer: string, imported: string])[] = [
  ['lab', 'cli/control-client.ts'],
  ['sim', 'cli/exit-code.ts'],
  ['sim', 'cli/table.ts'],
  ['sim', 'cli/terminal.ts'],
];

/** What a person or a thread starts, and how it is told. The rest of the simulator would run anywhere. */
const simulatorDoors: readonly string[] = [
  'sim/figures-command.ts',
  'sim/main.ts',
  'sim/options.ts',
  'sim/random-faults-command.ts',
  'sim/task.ts',
  'sim/thread-task.ts',
  'sim/threads.ts',
];

const pureRooms = [
  'errors.ts',
  'wire',
  'env',
  'membership',
  'authentication',
  'routing',
  'ipam',
  'paths',
  'dataplane',
  'capture',
  'explain',
  'firewall',
];

/** Packages that pure rooms may import: code that computes and nothing else. */
const purePackages = ['protobufjs/minimal', 'protobufjs/minimal.js'];

/** A thing without a noun has no home, so it gets a noun. */
const bannedNames = /^(utils?|common|helpers?|types?|misc|shared|index|lib)$/;

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated/'))
  .sort();

test('every file is in a room that is on the map', (t) => {
  t.deepEqual(
    files.filter((file) => !(roomOf(file) in rooms)),
    [],
  );
});

test('imports point down', (t) => {
  const upward = relativeImports().filter(({ importer, imported, isTypeOnly }) => {
    const [from, to] = [roomOf(importer), roomOf(imported)];
    if (from === to || exceptions.some(([room, file]) => room === from && file === imported)) return false;
    const allowed = rooms[from]?.[to];
    return allowed === undefined || (allowed === 'type' && !isTypeOnly);
  });
  t.deepEqual(upward, []);
});

test('pure rooms import nothing of Node and no package that does more than compute', (t) => {
  const impure = files
    .filter((file) => pureRooms.includes(roomOf(file)))
    .flatMap((file) => importsOf(file).map(({ specifier }) => ({ file, specifier })))
    .filter(({ specifier }) => !specifier.startsWith('.') && !purePackages.includes(specifier));
  t.deepEqual(impure, []);
});

test('the core of the simulator imports nothing of Node either, directly or through linux/', (t) => {
  const impure = files
    .filter((file) => roomOf(file) === 'sim' && !simulatorDoors.includes(file))
    .flatMap((file) => importsOf(file).map(({ specifier }) => ({ file, specifier })))
    .filter(({ specifier }) => !specifier.startsWith('.') || specifier.includes('/linux/'));
  t.deepEqual(impure, []);
});

test('pure rooms are not async', (t) => {
  const impure = files
    .filter((file) => pureRooms.includes(roomOf(file)))
    .filter((file) => /\basync\s*(function\b|\*?\s*[\w(])|\bawait\s/.test(codeOf(file)));
  t.deepEqual(impure, []);
});

test('modules of Node are imported by their node: names', (t) => {
  const bare = files.flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => builtinModules.includes(specifier))
      .map(({ specifier }) => ({ file, specifier })),
  );
  t.deepEqual(bare, []);
});

test('only linux/ knows of FFI', (t) => {
  const users = files.filter((file) => importsOf(file).some(({ specifier }) => specifier === 'koffi'));
  t.deepEqual(
    users.filter((file) => roomOf(file) !== 'linux'),
    [],
  );
});

test('every file has a noun for a name', (t) => {
  t.deepEqual(
    files.filter((file) => bannedNames.test(basename(file, '.ts')) || bannedNames.test(basename(dirname(file)))),
    [],
  );
});

test(`no file has more than ${MAX_LINES} lines`, (t) => {
  const long = files
    .map((file) => ({ file, lines: readFileSync(join(SOURCES, file), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  t.deepEqual(long, []);
});

test('every file begins by saying what it is', (t) => {
  t.deepEqual(
    files.filter(
      (file) =>
        !/^(#!.*\n)?(\/\*\*|import [^;]+;\n(import [^;]+;\n)*\n?\/\*\*)/.test(
          readFileSync(join(SOURCES, file), 'utf8'),
        ),
    ),
    [],
  );
});

function below(...names: string[]): Record<string, 'all'> {
  return Object.fromEntries(['errors.ts', 'wire', 'env', ...names].map((name) => [name, 'all']));
}

function roomOf(file: string): string {
  return file.split('/')[0]!;
}

function relativeImports(): { importer: string; imported: string; isTypeOnly: boolean }[] {
  return files.flatMap((importer) =>
    importsOf(importer)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier, isTypeOnly }) => ({
        importer,
        imported: normalize(join(dirname(importer), specifier)),
        isTypeOnly,
      })),
  );
}

/** Static and dynamic imports and re-exports. An import is of types only if it says so before the braces. */
function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const found: Import[] = [];
  for (const match of code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)) {
    found.push({ specifier: match[2]!, isTypeOnly: match[1] !== undefined });
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ specifier: match[1]!, isTypeOnly: false });
  }
  return found;
}

/** The file without its block comments, in which the word `import` means nothing. */
function codeOf(file: string): string {
  return readFileSync(join(SOURCES, file), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '');
}
