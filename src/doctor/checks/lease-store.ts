/** Whether what weft must not forget, such as which pod has which address, is safe on the disk. */
import { byDoctor, byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { DamagedFile, StoreFacts } from '../facts.ts';
import type { Fix } from '../finding.ts';

const finds: FindingKinds = {
  'store-damaged': {
    severity: 'error',
    title: 'files of the state directory are not what this daemon wrote: after a restart, pods or keys would be lost',
    cause: 'somebody deleted or edited them, a backup was put back, or the file system was damaged',
  },
  'store-unwritable': {
    severity: 'error',
    title: 'the state directory cannot be written: no pod can be added or removed, no change outlasts a restart',
    cause: 'the file system is full or read-only, or the directory is gone',
  },
  'store-nearly-full': {
    severity: 'warning',
    title: 'there is hardly any room left for the state directory: soon no pod can be added or removed',
    cause: 'logs, images or something else fill the file system',
    follows: ['store-unwritable'],
  },
};

/** A few hundred times what weft ever writes at once. */
const MIN_FREE_BYTES = 16 * 2 ** 20;

/** A file is made anew each time that it is written. */
const MIN_FREE_FILES = 16;

export const leaseStore: DaemonCheck = {
  subject: 'state directory: leases, identity, keys',
  needs: 'daemon',
  finds,
  look: ({ daemon: { store } }) => {
    const { directory, damaged, failing, unwritable } = store;
    const inTheWay = [
      ...(unwritable === undefined ? [] : [unwritable]),
      ...failing.map(({ file, since, reason }) => `${file} cannot be stored since ${since}: ${reason}`),
    ];
    const shortage = shortageOf(store);
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
      ...(inTheWay.length === 0
        ? []
        : [
            found(
              finds,
              'store-unwritable',
              inTheWay,
              byHand(
                'make room, or mount the file system for writing; the daemon tries again by itself, and need not be restarted',
                `df -h ${directory}`,
                `df -i ${directory}`,
                `findmnt -T ${directory}`,
              ),
            ),
          ]),
      ...(shortage.length === 0
        ? []
        : [
            found(
              finds,
              'store-nearly-full',
              shortage,
              byHand('make room', `df -h ${directory}`, `df -i ${directory}`),
            ),
          ]),
    ];
  },
};

function shortageOf({ directory, freeBytes, freeFiles }: StoreFacts): string[] {
  return [
    ...(freeBytes < MIN_FREE_BYTES ? [`${directory} has ${(freeBytes / 2 ** 20).toFixed(1)} MiB left`] : []),
    ...(freeFiles < MIN_FREE_FILES ? [`${directory} has room for ${freeFiles} more files`] : []),
  ];
}

function rescue(damaged: readonly DamagedFile[]): Fix {
  return damaged.every(({ isRewritable }) => isRewritable)
    ? byDoctor('weft writes it anew from what it holds in memory')
    : byHand('restore it from a backup before the daemon is started again, or delete it');
}
