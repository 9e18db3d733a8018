/** What a few figures say together. Pure. */

/** The value that a share `share`, 0 to 1, of `sorted` is not above; NaN if there are too few to tell. */
export function percentile(sorted: readonly number[], share: number): number {
  // Of 500 values, the 99.9th percentile would be but another name for the largest.
  if (sorted.length * (1 - share) < 1) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** The middle one, or the mean of the two in the middle; NaN if there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
