/** Whether the state directory would do for the next start. */
import { join } from 'node:path';
import type { DamagedFile, StoreFacts } from '../../doctor/facts.ts';
import { FileStore } from '../../linux/file-store.ts';
import type { FailingFile } from '../state/state-directory.ts';
import { roomIn } from '../state/state-room.ts';

/** What is in memory, and can be written anew. */
export interface StoredState {
  readonly stateDir: string;
  readonly identity: string;
  /** Why the pods that are stored are not those that are known. */
  readonly podDamage: string | undefined;
  /** What the daemon could not write when it last tried. */
  readonly failing: readonly FailingFile[];
}

/** Files beside the pods'. A daemon does not start with one that cannot be read; it does without members.json. */
const otherFiles = ['identity.json', 'keys.json'] as const;

/** Looks at all files, and changes nothing. */
export function inspectStore({ stateDir, identity, podDamage, failing }: StoredState): StoreFacts {
  const others = otherFiles.flatMap((file): DamagedFile[] => {
    const isIdentity = file === 'identity.json';
    const message = damageOf(stateDir, file, isIdentity ? identity : undefined);
    return message === undefined ? [] : [{ message, isRewritable: isIdentity }];
  });
  return {
    directory: stateDir,
    damaged: [...(podDamage === undefined ? [] : [{ message: podDamage, isRewritable: true }]), ...others],
    failing,
    ...roomIn(stateDir),
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
