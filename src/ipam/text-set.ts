/** Lists in which the order means nothing, such as the addresses of a lease. */

/** Whether two lists have the same members. Neither has one twice. */
export function equalTextSets(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text));
}
