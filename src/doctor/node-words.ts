/** Names of nodes, in words. */

/** As many names as one wants to read. */
const MAX_NAMES = 5;

/** `n1, n2 and n3`. */
export function nodesInWords(names: readonly string[]): string {
  const rest = names.length - MAX_NAMES;
  const shown = rest <= 0 ? names : [...names.slice(0, MAX_NAMES), `${rest} more`];
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
