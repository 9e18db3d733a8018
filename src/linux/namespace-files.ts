/** Files that stand for network namespaces: /run/netns/NAME, /proc/PID/ns/net, and bind mounts of either. */
import { openSync, closeSync, statSync } from 'node:fs';
import { NotFoundError, RequirementError, WeftError } from '../errors.ts';
import { isNetworkNamespaceFile } from './network-namespace.ts';

/** Where `ip netns` keeps its names. */
export const NETNS_DIRECTORY = '/run/netns';

export interface NamespaceFile {
  readonly path: string;
  /** `st_dev:st_ino`: equal for all files of one namespace as long as it lives. A later one may get the number again. */
  readonly identity: string;
}

/**
 * The namespace that a person names by `/run/netns` name or by path.
 *
 * @param clientPid process of the client. Its mounts are looked at as well if ours do not have the file: a client started
 * below `ip netns exec`, or in a container, sees namespaces that we do not.
 * @throws {NotFoundError} `netns-not-found`.
 * @throws {WeftError} `not-a-network-namespace`.
 */
export function findNamespace(nameOrPath: string, clientPid?: number): NamespaceFile {
  const path = nameOrPath.includes('/') ? nameOrPath : `${NETNS_DIRECTORY}/${nameOrPath}`;
  if (!path.startsWith('/') || /["'\\\n\r\0]/.test(path)) {
    throw new WeftError('not-a-network-namespace', `${JSON.stringify(path)} is not an absolute path without quotes`);
  }
  const paths = clientPid === undefined ? [path] : [path, `/proc/${clientPid}/root${path}`];
  for (const candidate of paths) {
    const identity = namespaceIdentity(candidate);
    if (identity !== undefined) return { path: candidate, identity };
  }
  try {
    statSync(path);
  } catch {
    throw new NotFoundError('netns-not-found', `there is no network namespace ${path}`, { path });
  }
  throw new WeftError('not-a-network-namespace', `${path} is not a network namespace`, { path });
}

/**
 * The namespace of a running process.
 *
 * @throws {NotFoundError} `process-not-found`.
 * @throws {RequirementError} `privilege-missing`: another container's process needs CAP_SYS_PTRACE.
 */
export function namespaceOfProcess(pid: number): NamespaceFile {
  const path = `/proc/${pid}/ns/net`;
  try {
    closeSync(openSync(path, 'r'));
  } catch (error) {
    const errnoName = (error as NodeJS.ErrnoException).code;
    if (errnoName === 'EACCES' || errnoName === 'EPERM') {
      throw new RequirementError(
        'privilege-missing',
        `cannot open the network namespace of process ${pid}: that needs CAP_SYS_PTRACE (docker: --cap-add SYS_PTRACE)`,
        { missing: ['CAP_SYS_PTRACE'], pid },
      );
    }
    throw new NotFoundError(
      'process-not-found',
      `there is no process ${pid} (a container sees its own processes only, unless run with --pid host)`,
      {
        pid,
      },
    );
  }
  const identity = namespaceIdentity(path);
  if (identity === undefined)
    throw new WeftError('not-a-network-namespace', `${path} is not a network namespace`, { path });
  return { path, identity };
}

/** Identity of the namespace behind a file; `undefined` if there is no file, or it is something else. */
export function namespaceIdentity(path: string): string | undefined {
  if (!isNetworkNamespaceFile(path)) return undefined;
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
