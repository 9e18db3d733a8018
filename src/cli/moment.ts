/** Moments as people write them on a command line. Pure. */
import { InvalidArgumentError } from 'commander';
import { parseDuration, UNIT_MS } from './duration.ts';

const DAY_MS = UNIT_MS['d']!;

/**
 * Time in ms since 1970 of `10m` (so long before `nowMs`; any length of time with its unit), of an ISO 8601 time, which is UTC if it does not
 * say, or of `21:20:16.251`, as commands show it: when it was that time last.
 *
 * @throws InvalidArgumentError if it is neither.
 */
export function parseMoment(text: string, nowMs: number): number {
  // A number alone would be a length of time elsewhere, and a year here.
  if (/^[\d.]+[a-z]+$/.test(text)) return nowMs - parseDuration(text);
  if (/^\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?$/.test(text)) {
    const today = Date.parse(`${new Date(nowMs).toISOString().slice(0, 'YYYY-MM-DD'.length)}T${text}Z`);
    if (!Number.isNaN(today)) return today > nowMs ? today - DAY_MS : today;
  }
  const isIso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text);
  const hasZone = /Z$|[T ].*[+-]\d{2}:\d{2}$/.test(text);
  const timeMs = isIso ? Date.parse(hasZone ? text : `${text}${text.length > 10 ? 'Z' : ''}`) : Number.NaN;
  if (Number.isNaN(timeMs))
    throw new InvalidArgumentError(
      'Not a length of time (90s, 10m, 2h, 1d), and not a time (21:20:16, 2026-01-31T12:00).',
    );
  return timeMs;
}
