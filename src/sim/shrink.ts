/** Finding what matters in a list of which everything together fails (delta debugging). */

/**
 * Leaves out as much of `items` as possible while the rest still fails: larger parts first, single items in the end, until
 * none can be spared or no time is left. The order stays.
 *
 * @param fails whether a part fails; all of `items` does
 * @param isTimeLeft asked before each attempt
 */
export function shrink<Item>(
  items: readonly Item[],
  fails: (some: readonly Item[]) => boolean,
  isTimeLeft: () => boolean,
): readonly Item[] {
  let left = items;
  let part = Math.ceil(left.length / 2);
  while (part >= 1 && left.length > 0) {
    let isSmaller = false;
    for (let from = 0; from < left.length;) {
      if (!isTimeLeft()) return left;
      const without = left.filter((_, index) => index < from || index >= from + part);
      if (fails(without)) {
        left = without;
        isSmaller = true;
      } else from += part;
    }
    // Single items once more: what one needed may be gone by now.
    if (part > 1) part = Math.ceil(part / 2);
    else if (!isSmaller) break;
  }
  return left;
}
