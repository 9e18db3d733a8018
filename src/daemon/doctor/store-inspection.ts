/** Whether the state directory would do for the next start. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { DamagedFile, StoreFacts } from '../../doctor/facts.ts';
import { FileStore } from '../../linux/file-store.ts';

/** What is in memory, and can be written anew. */
export interface StoredState {
  readonly stateDir: string;
  readonly identity: string;
  /** Why the pods that are stored are not those that are known. */
  readonly podDamage: string | undefined;
}

/** Files beside the pods'. A daemon does not start with one that cannot be read. */
const otherFiles = ['identity.json', 'members.json', 'keys.json'] as const;

/** Looks at all files, and changes nothing. */
export function inspectStore({ stateDir, identity, podDamage }: StoredState): StoreFacts {
  const others = otherFiles.flatMap((file): DamagedFile[] => {
    const isIdentity = file === 'identity.json';
    const message = damageOf(stateDir, file, isIdentity ? identity : undefined);
    return message === undefined ? [] : [{ message, isRewritable: isIdentity }];
  });
  return {
    directory: stateDir,
    damaged: [...(podDamage === undefined ? [] : [{ message: podDamage, isRewritable: true }]), ...others],
    unwritable: whyUnwritable(stateDir),
    freeBytes: freeBytesOf(stateDir),
  };
}

/** @param identity that the file must have, of the one that has it. */
function damageOf(stateDir: string, file: string, identity: string | undefined): string | undefined {
  try {
    const document = new FileStore(join(stateDir, file)).load();
    if (identity === undefined) return undefined;
    if (document === undefined)
      return `${file} is gone from the state directory: this node would be another after a restart`;
    const { identity: stored } = Object(document) as { readonly identity?: unknown };
    return stored === identity ? undefined : `${file} in the state directory has another identity than this node`;
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return `${file} in the state directory cannot be read: ${why}`;
  }
}

function whyUnwritable(stateDir: string): string | undefined {
  try {
    accessSync(stateDir, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${stateDir} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

/** For whoever has no privileges: the reserve of a file system is not for weft. Infinite if nobody knows. */
function freeBytesOf(stateDir: string): number {
  try {
    const { bavail, bsize } = statfsSync(stateDir);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
