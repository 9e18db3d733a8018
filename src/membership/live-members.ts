/** The live members, to draw from. */
import type { MemberRecord } from './member-record.ts';

/** An array without gaps: putting in and taking out cost the same whatever its length. */
export class LiveMembers {
  readonly #members: MemberRecord[] = [];
  readonly #places = new Map<string, number>();

  /** In no order. The same array for good. */
  get members(): readonly MemberRecord[] {
    return this.#members;
  }

  /** Puts a member in, in the place of what was known of it. */
  put(record: MemberRecord): void {
    const { identity } = record.announcement;
    const place = this.#places.get(identity) ?? this.#members.length;
    this.#members[place] = record;
    this.#places.set(identity, place);
  }

  /** Takes a member out, if it is there. The last one gets its place. */
  delete(identity: string): void {
    const place = this.#places.get(identity);
    if (place === undefined) return;
    this.#places.delete(identity);
    const last = this.#members.pop()!;
    if (place === this.#members.length) return;
    this.#members[place] = last;
    this.#places.set(last.announcement.identity, place);
  }
}
