/** The map of the house, enforced: who may import whom, and what a file may be called. See src/README.md. */
import { readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, normalize } from 'node:path';
import test from 'ava';

const SOURCES = join(import.meta.dirname, '..', 'src');

/**
 * Longest that a file may get, whatever it is about: a stop, and no aim. Whether a file is about one thing is judged by reading
 * it, and no file is split because it is long.
 */
const MAX_LINES = 600;

/** The pure rooms between `env/` and `linux/`, which knows the packets of most of them. */
const core = [
  'membership',
  'directory',
  'rulebook',
  'authentication',
  'routing',
  'ipam',
  'paths',
  'dataplane',
  'capture',
  'explain',
  'firewall',
  'names',
  'policy',
  'services',
  'kubernetes',
];

/** Room -> rooms that it may import from, beside itself. `type` is for types only. */
const rooms: Readonly<Record<string, Readonly<Record<string, 'all' | 'type'>>>> = {
  'errors.ts': {},
  wire: { 'errors.ts': 'all' },
  env: { 'errors.ts': 'all', wire: 'all' },
  membership: below(),
  directory: below('membership'),
  rulebook: below('membership'),
  authentication: below(),
  routing: { ...below(), membership: 'type' },
  ipam: below(),
  paths: below(),
  dataplane: below(),
  capture: below('dataplane'),
  firewall: below(),
  names: below('directory'),
  policy: below(),
  services: below('membership', 'policy'),
  kubernetes: below('directory', 'policy', 'services'),
  explain: below('dataplane', 'firewall', 'policy'),
  api: { ...below('directory'), membership: 'type', dataplane: 'type', capture: 'type' },
  forwarding: { ...below('routing', 'paths', 'dataplane'), membership: 'type', api: 'type' },
  linux: below(...core),
  doctor: below(...core, 'linux'),
  daemon: below(...core, 'api', 'forwarding', 'linux', 'doctor'),
  client: { ...below('directory', 'api', 'linux'), explain: 'type', doctor: 'type' },
  cni: { ...below('api', 'client'), linux: 'all' },
  terminal: {},
  docker: below('directory', 'api', 'client'),
  kubectl: { 'errors.ts': 'all' },
  lab: below(...core, 'api', 'linux', 'doctor', 'daemon', 'client', 'terminal'),
  cli: below(...core, 'api', 'linux', 'doctor', 'daemon', 'client', 'terminal', 'docker', 'lab', 'cni', 'kubectl'),
  sim: below('membership', 'directory', 'rulebook', 'authentication', 'routing', 'linux', 'terminal'),
};

/**
 * Room of `daemon/` -> others that it may import from, types included: the further down, the more a room knows. What lies in
 * `daemon/` itself puts them together, and knows all of them; none of them knows it.
 */
const daemonRooms: Readonly<Record<string, readonly string[]>> = {
  config: [],
  process: ['config'],
  remote: ['process'],
  audit: ['process'],
  state: ['process'],
  doors: ['config', 'process'],
  places: ['remote'],
  gossip: ['config', 'process', 'remote', 'state'],
  worker: ['config', 'process', 'audit'],
  routes: ['process', 'worker'],
  host: ['config', 'process', 'audit', 'routes'],
  rules: ['config', 'process', 'audit', 'host'],
  pods: ['config', 'process', 'audit', 'state', 'routes', 'host'],
  names: ['config', 'process'],
  kubernetes: ['config', 'process', 'state'],
  rulebook: ['process', 'state', 'doors'],
  'policy-facts': ['pods', 'kubernetes', 'rulebook'],
  policy: ['process', 'remote', 'audit', 'doors', 'pods', 'kubernetes', 'policy-facts'],
  services: ['process', 'audit', 'doors', 'host', 'rulebook'],
  cni: ['doors', 'host', 'pods'],
  underlay: ['config', 'process', 'gossip', 'worker'],
  faults: ['config', 'process', 'doors', 'gossip', 'worker'],
  capture: ['config', 'process', 'remote', 'doors', 'places', 'gossip', 'worker', 'routes', 'pods', 'policy'],
  explain: [
    'config',
    'process',
    'remote',
    'doors',
    'places',
    'gossip',
    'worker',
    'routes',
    'host',
    'pods',
    'underlay',
    'policy',
    'capture',
  ],
  probes: [
    'config',
    'process',
    'remote',
    'doors',
    'places',
    'gossip',
    'worker',
    'routes',
    'pods',
    'capture',
    'explain',
  ],
  doctor: [
    'config',
    'process',
    'remote',
    'audit',
    'state',
    'doors',
    'gossip',
    'worker',
    'routes',
    'host',
    'pods',
    'underlay',
    'explain',
    'probes',
  ],
  control: [
    'rulebook',
    'config',
    'process',
    'doors',
    'places',
    'gossip',
    'pods',
    'policy',
    'services',
    'cni',
    'faults',
    'capture',
    'explain',
    'probes',
    'doctor',
  ],
};

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
  'directory',
  'rulebook',
  'authentication',
  'routing',
  'ipam',
  'paths',
  'dataplane',
  'capture',
  'explain',
  'firewall',
  'names',
  'kubernetes',
  'api',
  'forwarding',
];

/** Packages that pure rooms may import: code that computes and nothing else. */
const purePackages = ['protobufjs/minimal', 'protobufjs/minimal.js', 'valibot'];

/** A thing without a noun has no home, so it gets a noun. */
const bannedNames = /^(utils?|common|helpers?|types?|misc|shared|index|lib)$/;

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated/'))
  .sort();

const imports = relativeImports();

test('every file is in a room that is on the map', (t) => {
  t.deepEqual(
    files.filter((file) => !(roomOf(file) in rooms)),
    [],
  );
});

test('every folder of daemon/ is a room that is on the map', (t) => {
  const folders = new Set(files.map(daemonRoomOf).filter((room): room is string => room !== undefined && room !== ''));
  t.deepEqual([...folders].toSorted(alphabetically), Object.keys(daemonRooms).toSorted(alphabetically));
});

test('imports point down', (t) => {
  const upward = imports.filter(({ importer, imported, isTypeOnly }) => {
    const [from, to] = [roomOf(importer), roomOf(imported)];
    if (from === to) return false;
    const allowed = rooms[from]?.[to];
    return allowed === undefined || (allowed === 'type' && !isTypeOnly);
  });
  t.deepEqual(upward, []);
});

test('imports point down inside of daemon/, too', (t) => {
  const upward = imports.filter(({ importer, imported }) => {
    const [from, to] = [daemonRoomOf(importer), daemonRoomOf(imported)];
    if (from === undefined || to === undefined || from === '' || from === to) return false;
    return daemonRooms[from]?.includes(to) !== true;
  });
  t.deepEqual(upward, []);
});

test('the rooms of daemon/ are in an order', (t) => {
  const order = Object.keys(daemonRooms);
  const upward = order.flatMap((room, place) =>
    daemonRooms[room]!.filter((other) => order.indexOf(other) >= place || order.indexOf(other) === -1).map(
      (other) => `${room} -> ${other}`,
    ),
  );
  t.deepEqual(upward, []);
});

test('no files import each other in a circle, types included', (t) => {
  const imported = Map.groupBy(imports, ({ importer }) => importer);
  const finished = new Set<string>();
  const path: string[] = [];
  const circles: string[] = [];
  const visit = (file: string): void => {
    if (finished.has(file)) return;
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    path.push(file);
    for (const next of imported.get(file) ?? []) visit(next.imported);
    path.pop();
    finished.add(file);
  };
  for (const file of files) visit(file);
  t.deepEqual(circles, []);
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

function alphabetically(a: string, b: string): number {
  return a.localeCompare(b);
}

function below(...names: string[]): Record<string, 'all'> {
  return Object.fromEntries(['errors.ts', 'wire', 'env', ...names].map((name) => [name, 'all']));
}

function roomOf(file: string): string {
  return file.split('/')[0]!;
}

/** Folder of daemon/ that a file is in; empty: daemon/ itself; `undefined`: elsewhere. */
function daemonRoomOf(file: string): string | undefined {
  const [room, folder, ...rest] = file.split('/');
  if (room !== 'daemon') return undefined;
  return rest.length === 0 ? '' : folder;
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
