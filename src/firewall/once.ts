/** Work that is done when its result is first asked for, and not again. */

/** A function that calls `find` the first time, and knows the answer from then on. */
export function once<Result>(find: () => Result): () => Result {
  let found: { readonly result: Result } | undefined;
  return () => (found ??= { result: find() }).result;
}
