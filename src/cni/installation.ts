/** The plugin and its network where a container runtime looks for them, and away again. Nothing of others is touched. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConflictError, WeftError } from '../errors.ts';
import { PLUGIN_TYPE } from './net-conf.ts';

/** Runtimes take the first file in the order of names. */
export const CONFLIST = '10-weft.conflist';

/** What is to be where. */
export interface Installation {
  readonly binDirectory: string;
  readonly confDirectory: string;
}

/** What the network has to know of the node. */
export interface InstalledNetwork {
  readonly socket: string;
  readonly spool: string;
}

/** What became of a file. */
export interface InstalledFile {
  readonly path: string;
  readonly outcome: 'written' | 'unchanged' | 'kept' | 'removed' | 'missing';
  /** Why it was kept; empty otherwise. */
  readonly why: string;
}

/**
 * Puts both in place: the program first, since a runtime may use the network at once.
 *
 * @param program the plugin, which `npm run build:cni` made.
 * @throws WeftError `cni-install-failed`; ConflictError `cni-conflict` where something of somebody else is in the way
 */
export function install(program: string, network: InstalledNetwork, where: Installation): InstalledFile[] {
  const plugin = readProgram(program);
  const conflist = join(where.confDirectory, CONFLIST);
  const present = readConflist(conflist);
  if (present !== undefined && !usesPlugin(present)) {
    const message = `${conflist} is not a network of ${PLUGIN_TYPE}: move it away, or choose another --conf-dir`;
    throw new ConflictError('cni-conflict', message, { path: conflist });
  }
  const written = place(join(where.binDirectory, PLUGIN_TYPE), plugin, 0o755);
  const wanted = conflistText(network);
  // Somebody may have added plugins to the chain, or another socket.
  if (present !== undefined && present !== wanted)
    return [written, { path: conflist, outcome: 'kept', why: 'it was changed by hand' }];
  return [written, place(conflist, Buffer.from(wanted), 0o644)];
}

/**
 * Takes both away: the network first, so that nothing new is attached. The program stays while another network uses it, or while
 * containers are attached that are still to be deleted.
 *
 * @param attached how many containers the daemon knows; `undefined`: none answers.
 */
export function uninstall(attached: number | undefined, where: Installation): InstalledFile[] {
  const conflist = join(where.confDirectory, CONFLIST);
  const program = join(where.binDirectory, PLUGIN_TYPE);
  const present = readConflist(conflist);
  const isOurs = present !== undefined && usesPlugin(present);
  const removed: InstalledFile =
    present === undefined
      ? { path: conflist, outcome: 'missing', why: '' }
      : isOurs
        ? remove(conflist)
        : { path: conflist, outcome: 'kept', why: `it is not a network of ${PLUGIN_TYPE}` };
  const why = whyKept(attached, where);
  if (why !== '') return [removed, { path: program, outcome: 'kept', why }];
  return [
    removed,
    lstatSync(program, { throwIfNoEntry: false }) === undefined
      ? { path: program, outcome: 'missing', why: '' }
      : remove(program),
  ];
}

function whyKept(attached: number | undefined, { confDirectory }: Installation): string {
  if (attached === undefined) return 'no daemon says whether containers are attached, which are deleted with it';
  if (attached > 0) return `${attached} containers are attached, which are deleted with it: run this again then`;
  const others = networksIn(confDirectory).filter((name) => usesPlugin(readConflist(join(confDirectory, name)) ?? ''));
  return others.length === 0 ? '' : `${others.join(', ')} uses it`;
}

/** Networks that a runtime takes before this one. */
export function networksBefore({ confDirectory }: Installation): string[] {
  return networksIn(confDirectory).filter((name) => name < CONFLIST);
}

function networksIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(conf|conflist|json)$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

function conflistText({ socket, spool }: InstalledNetwork): string {
  const capabilities = { ips: true, mac: true, dns: true };
  const plugins = [
    { type: PLUGIN_TYPE, socket, spool, capabilities },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'weft', plugins }, undefined, 2)}\n`;
}

/** Text of a file; `undefined`: there is none. @throws ConflictError for a symbolic link, which may lead anywhere */
function readConflist(path: string): string | undefined {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return undefined;
  refuseLink(path, there.isSymbolicLink());
  return readFileSync(path, 'utf8');
}

function usesPlugin(text: string): boolean {
  try {
    const { type, plugins } = JSON.parse(text) as { type?: unknown; plugins?: readonly { type?: unknown }[] };
    return type === PLUGIN_TYPE || (Array.isArray(plugins) && plugins.some((plugin) => plugin?.type === PLUGIN_TYPE));
  } catch {
    return false;
  }
}

/** @throws WeftError `cni-install-failed` unless it is a program */
function readProgram(path: string): Buffer {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      if (!fstatSync(file).isFile()) throw new Error('it is no file');
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const message = `the plugin ${path} cannot be read: ${(error as Error).message}; npm run build:cni makes it`;
    throw new WeftError('cni-install-failed', message, { path }, error);
  }
}

/** Writes a file beside its place, and has it take the place when it is whole: a runtime may start it at any time. */
function place(path: string, content: Buffer, mode: number): InstalledFile {
  const there = lstatSync(path, { throwIfNoEntry: false });
  refuseLink(path, there?.isSymbolicLink() === true);
  if (there?.isFile() === true && (there.mode & 0o777) === mode && hashOf(readFileSync(path)) === hashOf(content))
    return { path, outcome: 'unchanged', why: '' };
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    const file = openSync(temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, mode);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // What is on the disk, and not what should be.
    if (hashOf(readFileSync(temporary)) !== hashOf(content)) throw new Error('it is not what was written');
    renameSync(temporary, path);
    syncDirectory(path);
    return { path, outcome: 'written', why: '' };
  } catch (error) {
    rmSync(temporary, { force: true });
    const message = `${path} cannot be written: ${(error as Error).message}`;
    throw new WeftError('cni-install-failed', message, { path }, error);
  }
}

function remove(path: string): InstalledFile {
  rmSync(path);
  syncDirectory(path);
  return { path, outcome: 'removed', why: '' };
}

function refuseLink(path: string, isLink: boolean): void {
  if (!isLink) return;
  throw new ConflictError('cni-conflict', `${path} is a symbolic link, which is not followed: remove it first`, {
    path,
  });
}

function syncDirectory(path: string): void {
  const directory = openSync(join(path, '..'), constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
