/** Exit codes of `weft`. */
export const ExitCode = {
  ok: 0,
  /** It did not work. */
  failure: 1,
  /** It was not asked properly. */
  usage: 2,
} as const;
