/**
 * What a node holds, in short, so that two nodes find out what they differ in without sending everything.
 *
 * Each member is hashed, and the hashes of a bucket are summed: the sum does not depend on the order, and a change is one
 * subtraction and one addition. 64 bits per bucket: a difference stays hidden in one of 10^19 cases, and until the next
 * change of a member of that bucket.
 */
import { hashText, hashWith } from './hash.ts';
import { DIGEST_BUCKET_BYTES, MAX_DIGEST_BUCKETS } from './limits.ts';
import type { MemberRecord } from './member-record.ts';

/** Members that share a bucket, about: each that differs costs so many claims. */
const MEMBERS_PER_BUCKET = 4;

const stateNumbers = { alive: 1, suspect: 2, dead: 3, left: 4 } as const;

/** Seeds of the two halves of a hash. */
const seeds = [0x81_1c_9d_c5, 0x9e_37_79_b9] as const;

/** Buckets for a digest of `members` members: a power of two, up to {@link MAX_DIGEST_BUCKETS}. */
export function bucketCount(members: number): number {
  const wanted = Math.max(1, members / MEMBERS_PER_BUCKET);
  return Math.min(MAX_DIGEST_BUCKETS, 2 ** Math.ceil(Math.log2(wanted)));
}

/** The bucket, of `count`, that a member belongs to. */
export function bucketOf(identity: string, count: number): number {
  return Math.floor((hashText(identity) / 0x1_0000_0000) * count);
}

/** Sums of the finest buckets; coarser ones are sums of them. */
export class TableDigest {
  readonly #sums = new Uint32Array(2 * MAX_DIGEST_BUCKETS);

  /** Takes a member in. */
  add(record: MemberRecord): void {
    this.#count(record, 1);
  }

  /** Takes out a member that was taken in as it is. */
  remove(record: MemberRecord): void {
    this.#count(record, -1);
  }

  /** The sums of `count` buckets, a power of two, of 8 bytes each. */
  buckets(count: number): Uint8Array {
    const bytes = new Uint8Array(count * DIGEST_BUCKET_BYTES);
    const fine = MAX_DIGEST_BUCKETS / count;
    for (let bucket = 0; bucket < count; bucket++) {
      let first = 0;
      let second = 0;
      for (let index = bucket * fine; index < (bucket + 1) * fine; index++) {
        first = (first + this.#sums[2 * index]!) >>> 0;
        second = (second + this.#sums[2 * index + 1]!) >>> 0;
      }
      writeSum(bytes, bucket * DIGEST_BUCKET_BYTES, first, second);
    }
    return bytes;
  }

  #count(record: MemberRecord, sign: 1 | -1): void {
    const bucket = bucketOf(record.announcement.identity, MAX_DIGEST_BUCKETS);
    // A typed array keeps the lowest 32 bits.
    this.#sums[2 * bucket] = this.#sums[2 * bucket]! + sign * hashRecord(record, seeds[0]);
    this.#sums[2 * bucket + 1] = this.#sums[2 * bucket + 1]! + sign * hashRecord(record, seeds[1]);
  }
}

/** The 8 bytes of two sums. */
export function writeSum(bytes: Uint8Array, at: number, first: number, second: number): void {
  for (let shift = 0; shift < 4; shift++) {
    bytes[at + shift] = first >>> (24 - 8 * shift);
    bytes[at + 4 + shift] = second >>> (24 - 8 * shift);
  }
}

/** Indexes of the buckets in which two digests of the same length differ. */
export function differingBuckets(ours: Uint8Array, theirs: Uint8Array): number[] {
  const differing: number[] = [];
  for (let at = 0; at < ours.length; at += DIGEST_BUCKET_BYTES) {
    for (let index = at; index < at + DIGEST_BUCKET_BYTES; index++) {
      if (ours[index] === theirs[index]) continue;
      differing.push(at / DIGEST_BUCKET_BYTES);
      break;
    }
  }
  return differing;
}

/** Everything that merges. When a state was entered is not among it: clocks differ. */
function hashRecord(record: MemberRecord, seed: number): number {
  const identity = hashText(record.announcement.identity, seed);
  const state = hashWith(hashWith(identity, record.incarnation), stateNumbers[record.state]);
  return hashWith(hashWith(state, record.announcedAt), record.sealed.fingerprint);
}
