/** Whether what weft must not forget, such as which pod has which address, is safe on the disk. */
import { byDoctor, byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { DamagedFile } from '../facts.ts';
import type { Fix } from '../finding.ts';

const finds: FindingKinds = {
  'store-damaged': {
    severity: 'error',
    title: 'files of the state directory are not what this daemon wrote: after a restart, pods or keys would be lost',
    cause: 'somebody deleted or edited them, a backup was put back, or the file system was damaged',
  },
  'store-unwritable': {
    severity: 'error',
    title: 'nothing can be written to the state directory: no pod can be added or removed',
    cause: 'the file system is full or read-only, or the directory is gone',
  },
};

/** A few hundred times what weft ever writes at once. */
const MIN_FREE_BYTES = 16 * 2 ** 20;

export const leaseStore: DaemonCheck = {
  subject: 'state directory: leases, identity, keys',
  needs: 'daemon',
  finds,
  look: ({ daemon: { store } }) => {
    const { directory, damaged, unwritable, freeBytes } = store;
    const isShort = freeBytes < MIN_FREE_BYTES;
    const space = `${directory} has ${Math.round(freeBytes / 2 ** 20)} MiB left`;
    return [
      ...(damaged.length === 0
        ? []
        : [
            found(
              finds,
              'store-damaged',
              damaged.map(({ message }) => message),
              rescue(damaged),
            ),
          ]),
      ...(unwritable === undefined && !isShort
        ? []
        : [
            found(
              finds,
              'store-unwritable',
              [...(unwritable === undefined ? [] : [unwritable]), ...(isShort ? [space] : [])],
              byHand('make room, or mount the file system for writing', `df -h ${directory}`),
            ),
          ]),
    ];
  },
};

function rescue(damaged: readonly DamagedFile[]): Fix {
  return damaged.every(({ isRewritable }) => isRewritable)
    ? byDoctor('weft writes it anew from what it holds in memory')
    : byHand('restore it from a backup before the daemon is started again, or delete it');
}
