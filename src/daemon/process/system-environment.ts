/** The real clock and the real dice, in the shapes that the core asks for. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../env/clock.ts';
import type { Random } from '../../env/random.ts';

/** Monotonic time of this process. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, action) {
    setTimeout(action, delayMs).unref();
  },
};

/** The system's random numbers. */
export const systemRandom: Random = {
  uint32: () => randomBytes(4).readUInt32LE(),
};
