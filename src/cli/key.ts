/** `weft key`: its verbs. No key is ever an argument, where other users of the machine would see it, nor shown once it is in use. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Key } from '../api/control-api.ts';
import { ConflictError, WeftError } from '../errors.ts';
import type { OutputOptions } from './output.ts';
import { formatTable } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface ForceOptions extends OutputOptions {
  readonly force?: true;
}

const columns = [
  { title: 'ID' },
  { title: 'USE' },
  { title: 'HELD BY', wraps: true },
  { title: 'MISSING AT', wraps: true },
] as const;

const UNHEARD = `  members-unheard    nodes of the last run, or seeds, were not heard of since
                     this node started: wait for them`;

const USE_REFUSALS = `
Refused, unless --force is given:
  key-not-held       a node that is alive did not announce the key yet
${UNHEARD}`;

const REMOVE_REFUSALS = `
Refused, unless --force is given:
  key-not-confirmed  a node, dead or alive, did not confirm the primary key:
                     wait for it, or weft peer forget
${UNHEARD}
Refused in any case:
  key-in-use         it is the primary key: weft key use another first`;

/** Adds `key` with all its verbs. */
export function registerKey(program: Command): void {
  const key = program.command('key').description('keys that gossip is sealed with, the same on all nodes');
  registerGenerate(key);
  registerList(key);
  key
    .command('add')
    .description('give all nodes another key to read with; they go on to write with the primary one')
    .argument('<file>', 'file with the key in base64, or - for the standard input')
    .option('--json', 'print JSON')
    .action(async (file: string, options: OutputOptions, command: Command) => {
      const { client, print } = await tools(command);
      const added = await client.addKey({ key: readKey(file) });
      print(options, added, () => `key ${added.id} is added: weft key list shows who holds it\n`);
    });
  key
    .command('use')
    .description('have all nodes write with a key; refused while a node that is alive does not hold it')
    .argument('<id>', 'see weft key list')
    .option('--force', 'do it all the same: cuts off the nodes that do not hold it')
    .option('--json', 'print JSON')
    .addHelpText('after', USE_REFUSALS)
    .action(async (id: string, options: ForceOptions, command: Command) => {
      const { client, print } = await tools(command);
      const used = await client.useKey(id, options.force === true);
      print(options, used, () => `key ${used.id} is the primary one\n`);
    });
  key
    .command('remove')
    .description('take a key from all nodes; refused while a node, dead or alive, may write with no other')
    .argument('<id>', 'see weft key list')
    .option('--force', 'do it all the same: may lock out nodes that did not confirm the primary key')
    .option('--json', 'print JSON')
    .addHelpText('after', REMOVE_REFUSALS)
    .action(async (id: string, options: ForceOptions, command: Command) => {
      const { client, print } = await tools(command);
      const removed = await client.removeKey(id, options.force === true);
      print(options, { removed }, () => (removed ? `key ${id} is removed\n` : `there was no key ${id}\n`));
    });
}

/** A row for each key: those that this node holds, then those that only others do. */
export function formatKeys(keys: readonly Key[], terminal: Terminal): string {
  if (keys.length === 0) return 'no keys: gossip is not authenticated\n';
  const rows = keys.map(({ id, primary, held, holders, missing }) => [
    id,
    primary ? 'primary' : held ? 'to read' : 'not here',
    holders,
    missing,
  ]);
  return formatTable(columns, rows, terminal);
}

function registerGenerate(key: Command): void {
  key
    .command('generate')
    .description('make a key, for gossip.keyFile or weft key add')
    .argument('[file]', 'new file, for its owner alone; without one, the key is printed')
    .action(async (file: string | undefined) => {
      const { generateKey } = await import('../daemon/gossip/key-file.ts');
      const line = `${generateKey()}\n`;
      if (file === undefined) process.stdout.write(line);
      else writeKey(file, line);
    });
}

function registerList(key: Command): void {
  key
    .command('list')
    .alias('ls')
    .description('show ids of keys, and who holds them')
    .option('--json', 'print JSON')
    .action(async (options: OutputOptions, command: Command) => {
      const [{ readingClient }, { print }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
      ]);
      const keys = await readingClient(command).keys();
      print(options, keys, () => formatKeys(keys, standardOutput()));
    });
}

async function tools(command: Command) {
  const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
  return { client: controlClient(command), print };
}

/** The first line that is not a comment: a key file will do. */
function readKey(file: string): string {
  let content: string;
  try {
    content = readFileSync(file === '-' ? process.stdin.fd : file, 'utf8');
  } catch (error) {
    throw new WeftError('usage', `${file} cannot be read: ${(error as Error).message}`);
  }
  const lines = content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 1) return lines[0]!;
  throw new WeftError('usage', `${file} has ${lines.length} keys, and one is added at a time`);
}

function writeKey(file: string, line: string): void {
  try {
    writeFileSync(file, line, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new WeftError('usage', `${file} cannot be written: ${(error as Error).message}`);
    }
    throw new ConflictError('key-file-exists', `${file} is there already: a key is never written over another`, {
      file,
    });
  }
}
