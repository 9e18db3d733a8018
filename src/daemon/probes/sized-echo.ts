/**
 * A probe of a given length, with a short one beside it: whether a packet was lost for its length, or all of them are, nobody
 * says on a path that loses in silence.
 */
import { tooBigWords } from './echo-words.ts';
import type { Echo } from '../../api/ping-api.ts';

export interface SizedEchoOptions {
  /** Sends a probe for an inner packet of this length, in bytes; of a usual one, which is short, if there is none. */
  readonly send: (sizeBytes?: number) => Promise<Echo>;
  /** What was asked for; nothing: any will do, and one is enough. */
  readonly sizeBytes: number | undefined;
  /** Largest inner packet that is known to pass that way, in bytes; `undefined`: nobody has measured it. */
  readonly passingBytes?: () => number | undefined;
}

/** What became of it, with the reason if it was its length. */
export async function sizedEcho({ send, sizeBytes, passingBytes }: SizedEchoOptions): Promise<Echo> {
  if (sizeBytes === undefined) return await send();
  const [sized, short] = await Promise.all([send(sizeBytes), send()]);
  if (sized.roundTripMs !== null || sized.problem !== '' || short.roundTripMs === null) return sized;
  const passing = passingBytes?.();
  const isTooBig = passing !== undefined && passing < sizeBytes;
  return { ...sized, problem: isTooBig ? tooBigWords(passing) : 'too big, or lost by chance: a short one comes back' };
}
