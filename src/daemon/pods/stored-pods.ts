/** The pods that a daemon stored, read without one. Changes nothing. */
import { WeftError } from '../../errors.ts';
import { Journal } from '../../ipam/journal.ts';
import { LeaseStore } from '../../ipam/lease-store.ts';
import { openBootClock } from '../../linux/boot-clock.ts';
import { JournalDirectory } from '../../linux/journal-directory.ts';
import { readEarlierPods } from './earlier-pods.ts';
import { parsePodRecord, type PodRecord } from './pod-record.ts';

/** Name of the journal of pods and leases in the state directory. */
export const PODS_JOURNAL = 'pods.journal';

/** Records in a state directory, those of an earlier version too. @throws WeftError `store-corrupt` */
export function readStoredPods(stateDir: string): readonly PodRecord[] {
  const store = new LeaseStore({
    journal: new Journal(new JournalDirectory(stateDir), PODS_JOURNAL),
    prefixes: [],
    clock: openBootClock(),
    parseKnown: parsePodRecord,
    onSaved: () => {},
  });
  const earlier = readEarlierPods(stateDir);
  const stored = earlier === undefined || earlier.checksum === store.imported ? store.all() : earlier.stored;
  return stored.map(({ known }) => known);
}

/** As {@link readStoredPods}. A damaged file has none: whoever removes everything must not stop there. */
export function readWhatIsStored(stateDir: string): readonly PodRecord[] {
  try {
    return readStoredPods(stateDir);
  } catch (error) {
    if (error instanceof WeftError && error.code === 'store-corrupt') return [];
    throw error;
  }
}
