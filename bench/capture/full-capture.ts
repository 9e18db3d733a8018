/** A capture of everything on both nodes, under a TCP stream at full rate: what it costs, and whether gossip still acts in time. */
import type { ControlClient } from '../../src/client/control-client.ts';
import { tcpRatio } from '../within-run.ts';
import { trafficOf } from './pairs.ts';
import { bringUp, capture } from './variants.ts';

const PAIRS = 5;
/** Headers: what one usually wants of a stream of gigabits. */
const SNAPLEN_BYTES = 96;

const HISTOGRAM = 'weft_gossip_timer_lateness_seconds';

/** What came out. */
export interface FullCaptureFigures {
  /** Per pair: the rate with the capture to the rate without. */
  readonly ratios: readonly number[];
  /** Upper end of the last bucket that any timer of gossip fell into while there was a capture, in ms; of both nodes. */
  readonly lateMs: number;
  /** Timers that ran meanwhile. */
  readonly timers: number;
}

/**
 * @param from each node by itself, or both from the first, to which the packets of the other come over the gossip endpoint.
 * @param directory empty.
 */
export async function measureFullCapture(
  from: 'local' | 'remote',
  directory: string,
  progress: (step: string) => void,
): Promise<FullCaptureFigures> {
  await using cleanUp = new AsyncDisposableStack();
  const on = await bringUp('full', directory, cleanUp, { capture: { remote: 'on' } });
  const ratios: number[] = [];
  let lateMs = 0;
  let timers = 0;
  const turnOn = async (): Promise<() => Promise<void>> => {
    const headers = ['--snaplen', String(SNAPLEN_BYTES)];
    const end = await (from === 'local'
      ? capture(on.daemons, on.daemons, headers)
      : capture(on.daemons.slice(0, 1), on.daemons, ['--all', ...headers]));
    const before = await Promise.all(on.daemons.map(async ({ control }) => buckets(control)));
    return async () => {
      const after = await Promise.all(on.daemons.map(async ({ control }) => buckets(control)));
      after.forEach((counts, node) => {
        const { lastMs, count } = difference(before[node]!, counts);
        lateMs = Math.max(lateMs, lastMs);
        timers += count;
      });
      await end();
    };
  };
  for (let pair = 0; pair < PAIRS; pair++) {
    progress(`${on.site.name}: pair ${pair + 1} of ${PAIRS}`);
    ratios.push(await tcpRatio(trafficOf({ on, turnOn }), pair));
  }
  return { ratios, lateMs, timers };
}

/** Upper end of a bucket, in seconds, to how many timers were no later; in order. */
async function buckets(control: ControlClient): Promise<ReadonlyMap<number, number>> {
  const lines = (await control.metrics()).matchAll(new RegExp(`^${HISTOGRAM}_bucket{le="([^"]+)"} (\\d+)$`, 'gm'));
  return new Map([...lines].map(([, upper, count]) => [upper === '+Inf' ? Infinity : Number(upper), Number(count)]));
}

function difference(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): { lastMs: number; count: number } {
  const count = after.get(Infinity)! - before.get(Infinity)!;
  const [last] = [...after].find(([upper, below]) => below - (before.get(upper) ?? 0) === count)!;
  return { lastMs: count === 0 ? 0 : last * 1_000, count };
}
