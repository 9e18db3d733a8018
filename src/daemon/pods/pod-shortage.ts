/** What to say when no address is left, and pods that are gone have some. */
import { ExhaustedError } from '../../errors.ts';

/** Pods that are named where there are many. */
const MAX_NAMED = 8;

/**
 * The error, with the pods that are gone.
 *
 * @param gone names of pods that have addresses, and are gone.
 * @param count of all pods.
 */
export function namingGonePods(error: unknown, gone: readonly string[], count: number): unknown {
  if (!(error instanceof ExhaustedError) || error.code !== 'pool-exhausted' || gone.length === 0) return error;
  const shown = gone.slice(0, MAX_NAMED).join(', ') + (gone.length > MAX_NAMED ? ', ...' : '');
  const message = `${error.message}; ${gone.length} of ${count} pods that have addresses are gone (${shown}): free them with "weft pod rm"`;
  return new ExhaustedError(error.code, message, { ...error.details, gone: gone.length });
}
