/** A question of DNS, and the numbers in it (RFC 1035, section 3.2; RFC 3596, section 2.1). */

/** Types that weft has records of, and those that it answers in a way of their own. */
export const RecordType = { a: 1, ns: 2, soa: 6, ptr: 12, aaaa: 28, ixfr: 251, axfr: 252, any: 255 } as const;

/** The class of the internet: no other has names here. */
export const CLASS_IN = 1;

/** What became of a question (RFC 1035, section 4.1.1; RFC 6891, section 6.1.3). */
export const ResponseCode = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVers: 16,
} as const;

/** One question. */
export interface NameQuestion {
  /** Of each octet one character, as they were asked. */
  readonly labels: readonly string[];
  readonly type: number;
  readonly class: number;
}
