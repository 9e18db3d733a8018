/** The pods that a daemon stored, read without one. */
import { join } from 'node:path';
import { WeftError } from '../../errors.ts';
import { FileStore } from '../../linux/file-store.ts';
import { parsePodsDocument, type PodRecord } from './pod-record.ts';

/** Records in a state directory. A damaged file has none: whoever removes everything must not stop there. */
export function readStoredPods(stateDir: string): readonly PodRecord[] {
  try {
    const document = new FileStore(join(stateDir, 'pods.json')).load();
    return document === undefined ? [] : parsePodsDocument(document).pods;
  } catch (error) {
    if (error instanceof WeftError && error.code === 'store-corrupt') return [];
    throw error;
  }
}
