/** Hashes that are quick to carry on. Not for use against an adversary. */

/** Two independent halves of 32 bits. */
export interface Mix {
  high: number;
  low: number;
}

/** Where mixing begins. */
export const NO_MIX: Readonly<Mix> = { high: 0x6a_09_e6_67 | 0, low: 0xbb_67_ae_85 | 0 };

/** `before` carried on by a 32-bit number: multiply and xor-shift, as in MurmurHash3, with a constant per half. */
export function mix(before: Readonly<Mix>, value: number): Mix {
  return { high: step(before.high, value, 0xcc_9e_2d_51), low: step(before.low, value, 0x85_eb_ca_6b) };
}

function step(before: number, value: number, factor: number): number {
  let mixed = Math.imul(before ^ value, factor);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x1b_87_35_93);
  return (mixed ^ (mixed >>> 13) ^ (before << 5)) | 0;
}

/** A mix as 16 hexadecimal digits. */
export function formatMix({ high, low }: Readonly<Mix>): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
