/** The plugin and its network where a container runtime looks for them, and away again. Nothing of others is touched. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { ConflictError, WeftError } from '../errors.ts';
import { trustedDirectory } from '../linux/trusted-directory.ts';
import {
  conflistAlongside,
  conflistState,
  formatConflist,
  generatedConflist,
  givenConflist,
  pluginsNamedIn,
  PORTMAP,
  type GivenConflist,
  type InstalledNetwork,
  type OtherConflist,
} from './conflist.ts';
import { PLUGIN_TYPE } from './net-conf.ts';
import { isWeftPlugin, PLUGIN_MARK } from './plugin-file.ts';

/** Runtimes take the first file in the order of names. */
export const CONFLIST = '10-weft.conflist';

/** Before those of others: it has the first of these in it. */
export const CONFLIST_ALONGSIDE = '00-weft-alongside.conflist';

/** What is to be where. */
export interface Installation {
  readonly binDirectory: string;
  readonly confDirectory: string;
}

/** What may be chosen. */
export interface InstallChoice {
  /** A network that somebody wrote; otherwise weft makes one. */
  readonly given?: GivenConflist;
  /** Name of weft's interface in containers beside that of the network that is there: weft is a second network. */
  readonly alongside?: string;
  /** Whether to write over a network that somebody changed by hand. */
  readonly force?: boolean;
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
 * @param program the plugin, which `npm run build:cni` made; one whose name ends in `.zst` is compressed, as the image has it.
 * @param network asks the daemon, when the program is in place. Where it rejects, there is no network.
 * @throws WeftError `cni-install-failed`, `conflist-invalid`, `directory-unsafe`; ConflictError `cni-conflict` where something of
 *   somebody else is in the way
 */
export async function install(
  program: string,
  network: () => Promise<InstalledNetwork>,
  where: Installation,
  choice: InstallChoice = {},
): Promise<InstalledFile[]> {
  const plugin = readProgram(program);
  if (choice.given !== undefined) givenConflist(choice.given, undefined);
  const path = join(trustedDirectory(where.binDirectory, true)!, PLUGIN_TYPE);
  refuseForeignNetwork(join(trustedDirectory(where.confDirectory, true)!, conflistName(choice)));
  refuseForeignProgram(path);
  const written = place(path, plugin, 0o755, startsHere);
  const asked = await network();
  refuseForeignProgram(path);
  return [written, installNetwork(asked, where, choice)];
}

/** Puts the program in place, and no network that uses it. @throws as {@link install} */
export function installProgram(program: string, binDirectory: string): InstalledFile {
  const plugin = readProgram(program);
  const path = join(trustedDirectory(binDirectory, true)!, PLUGIN_TYPE);
  refuseForeignProgram(path);
  return place(path, plugin, 0o755, startsHere);
}

/** Puts the network in place, for a program that is there. @throws as {@link install} */
export function installNetwork(
  network: InstalledNetwork,
  where: Installation,
  choice: InstallChoice = {},
): InstalledFile {
  const { given, force = false } = choice;
  const path = join(trustedDirectory(where.confDirectory, true)!, conflistName(choice));
  refuseForeignNetwork(path);
  const document = wantedConflist(network, where, choice);
  const wanted = formatConflist(document, given === undefined ? 'generated' : 'given');
  const why = whyNotReplaced(readConflist(path), wanted, given !== undefined);
  if (why !== '' && !force) return { path, outcome: 'kept', why };
  return place(path, Buffer.from(wanted), 0o644);
}

function conflistName({ alongside }: InstallChoice): string {
  return alongside === undefined ? CONFLIST : CONFLIST_ALONGSIDE;
}

function wantedConflist(network: InstalledNetwork, where: Installation, { given, alongside }: InstallChoice): object {
  if (given !== undefined) return givenConflist(given, network);
  if (alongside !== undefined) return conflistAlongside(otherNetwork(where, alongside), network);
  return generatedConflist(network, isProgram(join(where.binDirectory, PORTMAP)));
}

/** The network that a runtime takes without weft. @throws ConflictError, WeftError `cni-not-ready` */
function otherNetwork({ confDirectory }: Installation, name: string): OtherConflist {
  const ours = readConflist(join(confDirectory, CONFLIST));
  if (ours !== undefined && conflistState(ours) !== 'foreign') {
    const path = join(confDirectory, CONFLIST);
    throw new ConflictError('cni-conflict', `${path}: weft is the network here already, and cannot be alongside`, {
      path,
    });
  }
  const [other] = networksIn(confDirectory).filter((one) => one !== CONFLIST_ALONGSIDE);
  if (other === undefined) {
    const message = `${confDirectory} has no network of others, which weft could be alongside: install that first`;
    throw new WeftError('cni-not-ready', message, { problem: message });
  }
  const path = join(confDirectory, other);
  return { text: readFileSync(path, 'utf8'), path, interface: name };
}

/** One that only has the name of ours. */
function refuseForeignNetwork(path: string): void {
  const present = readConflist(path);
  if (present === undefined || conflistState(present) !== 'foreign') return;
  const message = `${path} is not a network of ${PLUGIN_TYPE}: move it away, or choose another --conf-dir`;
  throw new ConflictError('cni-conflict', message, { path });
}

/** One that only has the name of ours. */
function refuseForeignProgram(path: string): void {
  if (!isForeignProgram(path)) return;
  const message = `${path} is not the plugin of weft: move it away, or choose another --bin-dir`;
  throw new ConflictError('cni-conflict', message, { path });
}

/** What is there and no link is read. */
function isForeignProgram(path: string): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return false;
  refuseLink(path, there.isSymbolicLink());
  return !there.isFile() || !isWeftPlugin(readFileSync(path));
}

/** Empty: it may be replaced. What weft made is, when it is made otherwise now. */
function whyNotReplaced(present: string | undefined, wanted: string, isGiven: boolean): string {
  const state = present === undefined || present === wanted ? 'generated' : conflistState(present);
  // Somebody may have added plugins to the chain, or another socket.
  if (state === 'edited') return 'it was changed by hand (--force writes over it)';
  return state === 'given' && !isGiven ? 'it was made of --conf (give that again, or --force)' : '';
}

/**
 * Takes both away: the network first, so that nothing new is attached. The program stays while another network uses it, or while
 * containers are attached that are still to be deleted.
 *
 * @param attached how many containers the daemon knows; `undefined`: none answers.
 */
export function uninstall(attached: number | undefined, places: Installation, force = false): InstalledFile[] {
  const where = {
    binDirectory: trustedDirectory(places.binDirectory, false) ?? places.binDirectory,
    confDirectory: trustedDirectory(places.confDirectory, false) ?? places.confDirectory,
  };
  const conflist = join(where.confDirectory, CONFLIST);
  const program = join(where.binDirectory, PLUGIN_TYPE);
  const alongside = join(where.confDirectory, CONFLIST_ALONGSIDE);
  const removed = [
    removeConflist(conflist, force),
    ...(lstatSync(alongside, { throwIfNoEntry: false }) === undefined ? [] : [removeConflist(alongside, force)]),
  ];
  removeLeftovers(program);
  if (lstatSync(program, { throwIfNoEntry: false }) === undefined)
    return [...removed, { path: program, outcome: 'missing', why: '' }];
  const why = isForeignProgram(program) ? 'it is not the plugin of weft' : whyKept(attached, where, force);
  return [...removed, why === '' ? remove(program) : { path: program, outcome: 'kept', why }];
}

function removeConflist(path: string, force: boolean): InstalledFile {
  const present = readConflist(path);
  removeLeftovers(path);
  if (present === undefined) return { path, outcome: 'missing', why: '' };
  const state = conflistState(present);
  if (state === 'foreign') return { path, outcome: 'kept', why: `it is not a network of ${PLUGIN_TYPE}` };
  if (state === 'edited' && !force)
    return { path, outcome: 'kept', why: 'it was changed by hand (--force removes it all the same)' };
  return remove(path);
}

function whyKept(attached: number | undefined, { confDirectory }: Installation, force: boolean): string {
  const others = networksIn(confDirectory).filter((name) => mayUsePlugin(join(confDirectory, name)));
  if (others.length > 0) return `${others.join(', ')} uses it`;
  if (force || attached === 0) return '';
  if (attached === undefined) return 'no daemon says whether containers are attached, which are deleted with it';
  return `${attached} containers are attached, which are deleted with it: run this again then`;
}

/** Networks that a runtime takes before this one. */
export function networksBefore({ confDirectory }: Installation, choice: InstallChoice = {}): string[] {
  return networksIn(confDirectory).filter((name) => name < conflistName(choice));
}

/** Networks that only those who ask for them by name get. */
export function networksAfter({ confDirectory }: Installation, choice: InstallChoice = {}): string[] {
  return networksIn(confDirectory).filter((name) => name > conflistName(choice));
}

/** Plugins of the chain that are not beside ours: the runtime has to find them elsewhere. */
export function missingPlugins({ binDirectory, confDirectory }: Installation, choice: InstallChoice = {}): string[] {
  const named = pluginsNamedIn(readConflist(join(confDirectory, conflistName(choice))) ?? '');
  return named.filter((plugin) => !isProgram(join(binDirectory, plugin)));
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

/** Text of a file; `undefined`: there is none. @throws ConflictError for a symbolic link, which may lead anywhere */
function readConflist(path: string): string | undefined {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return undefined;
  refuseLink(path, there.isSymbolicLink());
  return readFileSync(path, 'utf8');
}

/** Of others, a link may be followed: it is only read. What cannot be read may use it. */
function mayUsePlugin(path: string): boolean {
  try {
    return statSync(path).isFile() && pluginsNamedIn(readFileSync(path, 'utf8')).includes(PLUGIN_TYPE);
  } catch {
    return true;
  }
}

function isProgram(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.isFile() && (there.mode & 0o111) !== 0;
}

/** @throws WeftError `cni-install-failed` unless it is a program */
function readProgram(path: string): Buffer {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      if (!fstatSync(file).isFile()) throw new Error('it is no file');
      const content = readFileSync(file);
      const program = path.endsWith('.zst') ? zstdDecompressSync(content) : content;
      if (!isWeftPlugin(program)) throw new Error('it is not the plugin of weft');
      return program;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const message = `the plugin ${path} cannot be read: ${(error as Error).message}; npm run build:cni makes it`;
    throw new WeftError('cni-install-failed', message, { path }, error);
  }
}

/**
 * Writes a file beside its place, and has it take the place when it is whole: a runtime may start it at any time.
 *
 * @param check throws unless what was written may take the place
 */
function place(path: string, content: Buffer, mode: number, check?: (temporary: string) => void): InstalledFile {
  const there = lstatSync(path, { throwIfNoEntry: false });
  refuseLink(path, there?.isSymbolicLink() === true);
  if (there?.isFile() === true && (there.mode & 0o777) === mode && hashOf(readFileSync(path)) === hashOf(content))
    return { path, outcome: 'unchanged', why: '' };
  removeLeftovers(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    const file = openSync(temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, mode);
    try {
      writeFileSync(file, content);
      // Whatever the umask and the directory say.
      fchownSync(file, process.geteuid!(), process.getegid!());
      fchmodSync(file, mode);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // What is on the disk, and not what should be.
    if (hashOf(readFileSync(temporary)) !== hashOf(content)) throw new Error('it is not what was written');
    check?.(temporary);
    renameSync(temporary, path);
    syncDirectory(path);
    return { path, outcome: 'written', why: '' };
  } catch (error) {
    rmSync(temporary, { force: true });
    const message = `${path} cannot be written: ${(error as Error).message}`;
    throw new WeftError('cni-install-failed', message, { path }, error);
  }
}

/** How long a program may take that only says what it is, in ms. */
const START_LIMIT_MS = 30_000;

/** One for another processor, or in a directory where nothing may be started, must not take the place of one that works. */
function startsHere(program: string): void {
  const { status, signal, stdout, error } = spawnSync(program, ['--version'], {
    env: {},
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: START_LIMIT_MS,
  });
  if (status === 0 && stdout.includes(PLUGIN_MARK)) return;
  const answered = status === 0 ? 'it does not say what it is' : `it ended with ${status}`;
  const why = error?.message ?? (signal === null ? answered : `it was ended by ${signal}`);
  throw new Error(`the plugin cannot be started here: ${why}; is it made for this machine?`);
}

/** What a crash left of an earlier attempt, and not of one that is under way. */
function removeLeftovers(path: string): void {
  const [directory, start] = [dirname(path), `.${basename(path)}.`];
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(start)) continue;
    const [, pid] = /^(\d+)\.tmp$/.exec(name.slice(start.length)) ?? [];
    if (pid === undefined || (pid !== `${process.pid}` && existsSync(`/proc/${pid}`))) continue;
    rmSync(join(directory, name), { force: true });
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
