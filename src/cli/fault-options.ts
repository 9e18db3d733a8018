/** Values of `weft fault add`, as people write them. Pure. */
import { InvalidArgumentError } from 'commander';
import { WeftError } from '../errors.ts';
import { parseDuration } from './duration.ts';

const PERCENT = 100;

/** A share: `5%`, or `0.5` for half a percent. Returns 0 to 1. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text);
  const percent = Number(match?.[1]);
  if (match !== null && percent <= PERCENT) return percent / PERCENT;
  throw new InvalidArgumentError('a share is 0% to 100%');
}

/** A length of time with its unit, in ms: without one, seconds would be meant, and few want a delay of seconds. */
export function parseDelay(text: string): number {
  if (/\d$/.test(text)) throw new InvalidArgumentError('A length of time needs its unit (20ms, 1.5s).');
  return parseDuration(text);
}

/** Options of which at least one has to be given, or nothing would happen. */
const EFFECTS = ['loss', 'delay', 'jitter', 'reorder', 'duplicate', 'corrupt', 'clip'] as const;

/** @throws WeftError `usage` if nothing would happen. */
export function checkHasEffect(options: Readonly<Partial<Record<(typeof EFFECTS)[number], number>>>): void {
  if (EFFECTS.some((effect) => (options[effect] ?? 0) > 0)) return;
  const names = EFFECTS.map((effect) => `--${effect}`).join(', ');
  throw new WeftError('usage', `nothing would happen: say what, by at least one of ${names}`);
}

/** A whole number. */
export function parseWhole(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it is a whole number');
}
