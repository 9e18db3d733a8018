/** Randomness, as the core sees it. Seeded in tests and simulations. */
export interface Random {
  /** Uniform integer, 0 to 2^32 - 1. */
  uint32(): number;
}
