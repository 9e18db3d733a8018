/**
 * Whom programs in a namespace of weft's own ask for names: `/etc/netns/NAME/resolv.conf`, which `ip netns exec NAME` has them see in the
 * place of /etc/resolv.conf (ip-netns(8)). Nobody else looks there.
 */
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Notice } from '../../api/control-api.ts';
import { podResolverFile } from '../../names/resolver-configuration.ts';

const DIRECTORY = '/etc/netns';

/** First line of every such file: one without it is somebody else's. */
const MARKER = '# Written by weft, and removed with the pod.';

/** What is to be in it. */
export interface PodResolver {
  /** Address at which the node answers names. */
  readonly server: string;
  readonly search: readonly string[];
}

/**
 * Writes the file for the namespace of this name.
 *
 * @param directory of those of all namespaces; another one for tests.
 * @returns what a person should know: one that is somebody else's stays, and so does everything where nothing can be written.
 */
export function writeResolverFile(netns: string, { server, search }: PodResolver, directory = DIRECTORY): Notice[] {
  const path = join(directory, netns, 'resolv.conf');
  const content = podResolverFile(MARKER, server, search);
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (isOurs(path)) rmSync(path);
    // Never through a link, and never over a file that came meanwhile.
    writeFileSync(path, content, { flag: 'wx', mode: 0o644 });
    return [];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? `${path} was there, and is not weft's` : message;
    const text = `"ip netns exec ${netns}" does not ask this node for names: ${why}`;
    return [{ code: 'resolver-file-not-written', message: text }];
  }
}

/** Removes it, and the directories that were there for nothing else. One of somebody else's stays. */
export function removeResolverFile(netns: string, directory = DIRECTORY): void {
  const path = join(directory, netns, 'resolv.conf');
  if (!isOurs(path)) return;
  try {
    rmSync(path);
    rmdirSync(dirname(path));
    rmdirSync(directory);
  } catch {
    // There are others in it; or the disk cannot be written, which is no reason for a pod to stay.
  }
}

function isOurs(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').startsWith(`${MARKER}\n`);
  } catch {
    return false;
  }
}
