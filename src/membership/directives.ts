/** Orders of an operator, which every node holds. */
import type { Clock } from '../env/clock.ts';
import { WeftError } from '../errors.ts';
import { isValidDirective } from './directive-codec.ts';
import { hashBytes, hashText, hashWith } from './hash.ts';
import { DIGEST_BUCKET_BYTES, MAX_DIRECTIVES } from './limits.ts';
import { compareBytes } from './member-table.ts';
import type { AgedDirective, Directive } from './message.ts';
import { writeSum } from './table-digest.ts';

/** Subject of the order to forget a member: this, and its identity. Content: the last incarnation that is forgotten. */
const FORGET = 'forget/';

/** An order to forget has done its work after this long: everybody who was there has heard it. */
const FORGET_LIFE_MS = 48 * 3_600_000;

/**
 * One that has no more of its life left than this is not learned. Ages are told in whole seconds and wait in queues: nodes do
 * not drop an order at the same moment, and those who did would learn it anew from those who did not, and pass it on.
 */
const FORGET_END_MS = 60_000;

/**
 * Whether `directive` replaces `known`, of the same subject: the higher version wins. Two of one version were given at
 * two nodes at one time; then the greater content wins, so that everybody holds the same.
 */
export function overrules(directive: Directive, known: Directive): boolean {
  if (directive.version !== known.version) return directive.version > known.version;
  return compareBytes(directive.content, known.content) > 0;
}

/** Outcome of {@link Directives.take}. */
export type TakeOutcome = 'new' | 'known' | 'full';

/** The table: one directive per subject. */
export class Directives {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly directive: Directive; readonly issuedMs: number }>();

  /** @param directives what an earlier run knew */
  constructor(clock: Clock, directives: readonly Directive[] = []) {
    this.#clock = clock;
    for (const directive of directives) this.take({ directive, ageSeconds: 0 });
  }

  /** All of them, in no order. */
  all(): readonly Directive[] {
    return [...this.#known.values()].map(({ directive }) => directive);
  }

  /** All of them, with their ages. */
  aged(): readonly AgedDirective[] {
    return [...this.#known.values()].map(({ directive, issuedMs }) => this.#aged(directive, issuedMs));
  }

  /**
   * A directive about `subject` that overrules all that is known.
   *
   * @throws WeftError `directive-invalid` if others would refuse it, `directives-full`
   */
  make(subject: string, content: Uint8Array): Directive {
    const highest = Math.max(0, ...[...this.#known.values()].map(({ directive }) => directive.version));
    const directive = { subject, version: highest + 1, content: Uint8Array.from(content) };
    if (!isValidDirective(directive)) {
      throw new WeftError('directive-invalid', `directive ${subject}: subject or content is out of range`, { subject });
    }
    if (!this.#hasRoomFor(subject, this.#clock.nowMs())) {
      throw new WeftError('directives-full', `directive ${subject}: there are ${MAX_DIRECTIVES} already`, { subject });
    }
    return directive;
  }

  /** Merges what came from elsewhere, or was made here. */
  take({ directive, ageSeconds }: AgedDirective): TakeOutcome {
    const ageMs = ageSeconds * 1_000;
    const { subject } = directive;
    const known = this.#known.get(subject);
    const isOver = subject.startsWith(FORGET) && ageMs >= FORGET_LIFE_MS - FORGET_END_MS;
    if (isOver || (known !== undefined && !overrules(directive, known.directive))) return 'known';
    const issuedMs = this.#clock.nowMs() - ageMs;
    if (!this.#hasRoomFor(subject, issuedMs)) return 'full';
    if (known === undefined && this.#known.size >= MAX_DIRECTIVES) this.#known.delete(this.#oldestForget()!.subject);
    this.#known.set(subject, { directive, issuedMs });
    return 'new';
  }

  /** Drops those that shall not be kept, without a word to others. */
  retain(isKept: (directive: Directive) => boolean): void {
    for (const [subject, { directive }] of this.#known) if (!isKept(directive)) this.#known.delete(subject);
  }

  /** Drops orders to forget that have done their work. */
  expire(): void {
    const nowMs = this.#clock.nowMs();
    for (const [subject, { issuedMs }] of this.#known) {
      if (subject.startsWith(FORGET) && nowMs - issuedMs >= FORGET_LIFE_MS) this.#known.delete(subject);
    }
  }

  /** Up to which incarnation the member is forgotten; 0 if it is not. */
  forgottenUpTo(identity: string): number {
    // Mostly there are none, and this is asked for each claim that comes.
    if (this.#known.size === 0) return 0;
    return forgottenIn(this.#known.get(FORGET + identity)?.directive.content);
  }

  /** 8 bytes that are the same on two nodes which hold the same. */
  digest(): Uint8Array {
    let first = 0;
    let second = 0;
    for (const { directive } of this.#known.values()) {
      first = (first + hashDirective(directive, 0x81_1c_9d_c5)) >>> 0;
      second = (second + hashDirective(directive, 0x9e_37_79_b9)) >>> 0;
    }
    const bytes = new Uint8Array(DIGEST_BUCKET_BYTES);
    writeSum(bytes, 0, first, second);
    return bytes;
  }

  /** Those that overrule `theirs`, or that are not among them. */
  newerThan(theirs: readonly AgedDirective[]): readonly AgedDirective[] {
    const bySubject = new Map(theirs.map(({ directive }) => [directive.subject, directive]));
    return this.aged().filter(({ directive }) => {
      const other = bySubject.get(directive.subject);
      return other === undefined || overrules(directive, other);
    });
  }

  /** Whether one more may be known: the oldest order to forget makes room, for all but older ones of its kind. */
  #hasRoomFor(subject: string, issuedMs: number): boolean {
    if (this.#known.has(subject) || this.#known.size < MAX_DIRECTIVES) return true;
    const oldest = this.#oldestForget();
    return oldest !== undefined && (!subject.startsWith(FORGET) || issuedMs > oldest.issuedMs);
  }

  #oldestForget(): { readonly subject: string; readonly issuedMs: number } | undefined {
    let oldest: { readonly subject: string; readonly issuedMs: number } | undefined;
    for (const [subject, { issuedMs }] of this.#known) {
      if (subject.startsWith(FORGET) && (oldest === undefined || issuedMs < oldest.issuedMs)) {
        oldest = { subject, issuedMs };
      }
    }
    return oldest;
  }

  #aged(directive: Directive, issuedMs: number): AgedDirective {
    return { directive, ageSeconds: Math.max(0, Math.floor((this.#clock.nowMs() - issuedMs) / 1_000)) };
  }
}

/** The order to forget a member, as known in `incarnation` and before. */
export function forgetOrder(identity: string, incarnation: number): Pick<Directive, 'subject' | 'content'> {
  const content = Uint8Array.from([24, 16, 8, 0], (shift) => (incarnation >>> shift) & 0xff);
  return { subject: FORGET + identity, content };
}

/** The identity that a directive orders to forget, and up to which incarnation; `undefined` if it orders something else. */
export function forgottenBy(
  directive: Directive,
): { readonly identity: string; readonly incarnation: number } | undefined {
  if (!directive.subject.startsWith(FORGET)) return undefined;
  return { identity: directive.subject.slice(FORGET.length), incarnation: forgottenIn(directive.content) };
}

/** 4 bytes, big-endian; 0 if it is not that. */
function forgottenIn(content: Uint8Array | undefined): number {
  if (content?.length !== 4) return 0;
  return ((content[0]! << 24) | (content[1]! << 16) | (content[2]! << 8) | content[3]!) >>> 0;
}

function hashDirective({ subject, version, content }: Directive, seed: number): number {
  return hashWith(hashWith(hashText(subject, seed), version), hashBytes(content));
}
