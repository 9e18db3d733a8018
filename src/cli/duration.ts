/** Lengths of time for people. Pure. */

const UNITS = [
  { name: 'd', seconds: 86_400 },
  { name: 'h', seconds: 3_600 },
  { name: 'min', seconds: 60 },
] as const;

/** The largest two units since an ISO 8601 time: `2 d 3 h`, `5 min 2 s`, `7 s`. `-` if it is no time. */
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
