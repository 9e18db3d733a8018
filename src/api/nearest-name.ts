/** What was probably meant by a name that does not exist. Pure. */

/** Edits that may lie between a name and the one that was meant. */
const MAX_EDITS = 2;

/** The candidate that is nearest to `name`; `undefined` if none is near. Upper and lower case are the same. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  // Those of another length are not worth the comparison, which takes long where names do: they come from anybody.
  const ranked = candidates
    .filter((candidate) => Math.abs(candidate.length - name.length) <= MAX_EDITS)
    .map((candidate) => ({ candidate, edits: editDistance(lower, candidate.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.edits - b.edits)[0];
  // Two edits turn any short word into any other.
  return best !== undefined && best.edits <= Math.min(MAX_EDITS, name.length / 2) ? best.candidate : undefined;
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
