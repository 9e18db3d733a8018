/** Lengths of time for people. Pure. */
import { InvalidArgumentError } from 'commander';

const UNITS = [
  { name: 'd', seconds: 86_400 },
  { name: 'h', seconds: 3_600 },
  { name: 'm', seconds: 60 },
] as const;

/** The largest two units since an ISO 8601 time: `2 d 3 h`, `5 m 2 s`, `7 s`. `-` if it is no time. */
export function formatSince(isoTime: string, nowMs: number): string {
  const elapsedMs = nowMs - Date.parse(isoTime);
  if (Number.isNaN(elapsedMs)) return '-';
  let rest = Math.max(0, Math.round(elapsedMs / 1_000));
  const parts: string[] = [];
  for (const { name, seconds } of UNITS) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0 || parts.length > 0) parts.push(`${count} ${name}`);
  }
  return [...parts, `${rest} s`].slice(0, 2).join(' ');
}

/** A round trip with as many digits as mean something: `0.21 ms`, `7.5 ms`, `120 ms`. */
export function formatRoundTrip(ms: number): string {
  return `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
}

/** Units of lengths of time, in ms, the same in every option and in the configuration. */
export const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Length of time in ms: `300us`, `200ms`, `1.5s`, `10m`, `2h`, `1d`; a number alone is seconds. @throws InvalidArgumentError if it is none. */
export function parseDuration(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m|h|d)?$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('Not a length of time (300us, 200ms, 1.5s, 10m, 2h, 1d).');
  return Number(count) * UNIT_MS[unit]!;
}
