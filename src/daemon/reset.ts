/**
 * `weft reset`: removes everything of weft's from this node. Needs no daemon, and nothing that the daemon stored: what is ours
 * is told by name, alias and route protocol. Kernel parameters stay, since others may rely on them by now.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConflictError, SystemCallError, WeftError } from '../errors.ts';
import { ASIDE_SUFFIX, UNFINISHED_SUFFIX } from '../ipam/journal.ts';
import { CniSpool, SPOOL_DIRECTORY } from '../linux/cni-spool.ts';
import { TEMPORARY_SUFFIX } from '../linux/file-store.ts';
import { ipRemove } from '../linux/iproute.ts';
import { listLinks } from '../linux/link.ts';
import { POLICY_TABLE, removeOwnTables, titleOf } from '../linux/nftables.ts';
import { deleteRouteLine, listRoutes } from '../linux/route.ts';
import { isAttached, isOwnLink } from './host/own-links.ts';
import { LOCK_FILES } from './process/standby.ts';
import { removeOwnNamespace } from './pods/pod-namespace.ts';
import { restoreConnections } from './policy/cut-connections.ts';
import { EARLIER_FILE } from './pods/earlier-pods.ts';
import { PODS_JOURNAL, readWhatIsStored } from './pods/stored-pods.ts';

/** Names of the files in the state directory, and what may be left of their making. */
const stateFiles = [
  ...[PODS_JOURNAL].flatMap((name) => [name, name + UNFINISHED_SUFFIX, name + ASIDE_SUFFIX]),
  ...[
    EARLIER_FILE,
    'identity.json',
    'members.json',
    'keys.json',
    'kubernetes.json',
    'kubernetes-services.json',
    'rulebook.json',
    'policy-names.json',
  ].flatMap((name) => [name, name + TEMPORARY_SUFFIX]),
  ...LOCK_FILES,
];

export interface ResetOptions {
  readonly stateDir: string;
  /** Name of today: one of an earlier configuration is found by its alias. */
  readonly tunDevice: string;
  /** Control sockets, which a killed daemon leaves behind. */
  readonly socketPaths?: readonly string[];
}

/** What was there and is no longer. */
export interface ResetReport {
  readonly pods: readonly string[];
  readonly namespaces: readonly string[];
  readonly devices: readonly string[];
  readonly routes: readonly string[];
  readonly nftTables: readonly string[];
  readonly files: readonly string[];
}

/**
 * Removes everything; a second time there is nothing to remove.
 *
 * @throws ConflictError `daemon-running` if a process is attached to the TUN device: it would lose it in the midst of its work.
 */
export async function resetHost(options: ResetOptions): Promise<ResetReport> {
  const records = readWhatIsStored(options.stateDir);
  const ours = (await listLinks()).filter((link) => isOwnLink(link, options.tunDevice));
  const attached = ours.find(isAttached);
  if (attached !== undefined) {
    const what = `a process is attached to the device ${attached.ifname}`;
    throw new ConflictError('daemon-running', `${what}: stop the daemon first (systemctl stop weft)`, {
      device: attached.ifname,
    });
  }
  const devices = ours.map(({ ifname }) => ifname);
  await ipRemove(
    devices.map((device) => `link delete dev ${device}`),
    { purpose: "remove weft's devices" },
  );
  const namespaces: string[] = [];
  for (const record of records) {
    if (await removeOwnNamespace(record)) namespaces.push(record.netns);
  }
  // After the devices: their routes went with them.
  const routes = await listRoutes('ours');
  await ipRemove(routes.map(deleteRouteLine), { purpose: "remove weft's routes" });
  return {
    pods: records.map(({ name }) => name),
    namespaces,
    devices,
    routes: routes.map(({ type, dst }) => (type === 'unicast' ? dst : `${type} ${dst}`)),
    nftTables: await removeTables(),
    files: removeFiles(options),
  };
}

/** Also the marks of connections that policies cut: weft may be installed again, with other policies. */
async function removeTables(): Promise<string[]> {
  const titles = await removeOwnTables();
  if (!titles.includes(titleOf(POLICY_TABLE))) return titles;
  try {
    await restoreConnections();
  } catch (error) {
    // A kernel that does not tell of its connections has none that were cut.
    if (!(error instanceof SystemCallError)) throw error;
  }
  return titles;
}

function removeFiles({ stateDir, socketPaths = [] }: ResetOptions): string[] {
  const paths = [...socketPaths, ...stateFiles.map((name) => join(stateDir, name))];
  const removed = paths.filter((path) => existsSync(path));
  try {
    for (const path of removed) rmSync(path);
    // Removals that nobody carried out: what they are about is gone now.
    removed.push(...new CniSpool(join(stateDir, SPOOL_DIRECTORY)).remove());
    if (existsSync(stateDir) && readdirSync(stateDir).length === 0 && removeDirectory(stateDir)) removed.push(stateDir);
  } catch (error) {
    const why = (error as Error).message;
    const message = `everything was removed but files: ${why}; make the file system writable, and reset again`;
    throw new WeftError('store-failed', message, { path: stateDir }, error);
  }
  return removed;
}

/** An empty one. @returns whether it is gone: where something is mounted, it belongs to who mounted it. */
function removeDirectory(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
