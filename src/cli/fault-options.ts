/** Values of `weft fault add`, as people write them. Pure. */
import { InvalidArgumentError } from 'commander';
import { WeftError } from '../errors.ts';

const MS_PER_UNIT: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 };
const PERCENT = 100;

/** A share: `5%`, or `0.5` for half a percent. Returns 0 to 1. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text);
  const percent = Number(match?.[1]);
  if (match !== null && percent <= PERCENT) return percent / PERCENT;
  throw new InvalidArgumentError('a share is 0% to 100%');
}

/** A time: `20ms`, `1.5s`, `300us`. Returns milliseconds. */
export function parseDelay(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text);
  if (match !== null) return Number(match[1]) * MS_PER_UNIT[match[2]!]!;
  throw new InvalidArgumentError('a time is so many us, ms or s: 20ms');
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
