/** Entries of rulebooks, and rulebooks of several nodes. */
import type { Member } from '../../src/membership/announcement.ts';
import type { RulebookEntry, SealedEntry } from '../../src/rulebook/entry.ts';
import { sealEntry } from '../../src/rulebook/entry-codec.ts';
import { Rulebook, type RulebookOptions, type RulebookWish } from '../../src/rulebook/rulebook.ts';
import { policyOf } from '../../src/sim/policy-manifest.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { endpoint, identityOf, memberOf } from './announcements.ts';
import { ManualClock } from './manual-clock.ts';

const elsewhere = endpoint('203.0.113.9:7948');

/** Time of day when tests begin, in ms. */
export const EPOCH_MS = 1_700_000_000_000;

/** The wish to delete a policy. */
export function deletionOf(serial: number): RulebookWish {
  return { ...policyOf(serial), object: undefined };
}

/** An entry about policy `serial`. */
export function entryOf(serial: number, version: number, change: Partial<RulebookEntry> = {}): SealedEntry {
  return sealEntry({ ...policyOf(serial), version, origin: 'n1', ...change });
}

/** Entries of few policies and versions, so that many meet. */
export function randomEntries(random: SeededRandom, count: number): SealedEntry[] {
  return Array.from({ length: count }, () => {
    const serial = random.below(6);
    const object = random.below(3) === 0 ? undefined : policyOf(serial, random.below(3)).object;
    return entryOf(serial, 1 + random.below(5), { object, origin: `n${1 + random.below(2)}` });
  });
}

/** Nodes that reach each other at once, unless they are away. */
export class Rulebooks {
  readonly clock = new ManualClock();
  readonly nodes = new Map<number, Rulebook>();
  /** Who asked whom. */
  readonly requests: { readonly from: number; readonly to: number }[] = [];
  /** What changed, as it was told. */
  readonly changes: { readonly node: number; readonly names: readonly string[] }[] = [];
  /** Nobody hears of them, and they hear nothing. */
  readonly away = new Set<number>();
  /** They are of a version that has no rulebook. */
  readonly old = new Set<number>();
  /** They never answer. */
  readonly silent = new Set<number>();
  /** Somebody is missing of whom they were told to begin with. */
  readonly seeking = new Set<number>();
  /** Pairs of nodes that have not heard of each other: `1 2`, the lower number first. */
  readonly strangers = new Set<string>();
  /** Whether rumours get to others. */
  rumoursPass = true;

  start(number: number, options: Partial<RulebookOptions> = {}): Rulebook {
    const rulebook = new Rulebook({
      nodeName: `n${number}`,
      clock: this.clock,
      random: new SeededRandom(number),
      timeOfDayMs: () => EPOCH_MS + this.clock.nowMs(),
      onChange: (entries) => this.changes.push({ node: number, names: entries.map(({ name }) => name) }),
      ...options,
    });
    this.nodes.set(number, rulebook);
    rulebook.attach({
      spreadRulebook: (rumour) => this.#spread(number, rumour),
      askForRulebook: (to, request, onAnswer) => this.#ask(number, to.port - 7_000, request, onAnswer),
      liveOthers: () => this.#others(number).map(memberAt),
      hasMetSeeds: () => !this.seeking.has(number),
    });
    for (const other of this.#others(number)) {
      this.nodes.get(other)!.follow([{ before: undefined, after: memberAt(number) }]);
      rulebook.follow([{ before: undefined, after: memberAt(other) }]);
    }
    return rulebook;
  }

  /** A node is back, and the others are told. */
  comeBack(number: number): void {
    this.away.delete(number);
    for (const other of this.#others(number)) {
      const before = { ...memberAt(number), state: 'dead' } as const;
      this.nodes.get(other)!.follow([{ before, after: memberAt(number) }]);
      this.nodes.get(number)!.follow([{ before: { ...memberAt(other), state: 'dead' }, after: memberAt(other) }]);
    }
  }

  /** What all nodes hold; several: they do not hold the same. */
  digests(): ReadonlySet<string> {
    return new Set([...this.nodes.values()].map(({ summary }) => summary.digest));
  }

  #others(number: number): number[] {
    if (this.away.has(number)) return [];
    return [...this.nodes.keys()].filter(
      (other) =>
        other !== number &&
        !this.away.has(other) &&
        !this.strangers.has(`${Math.min(number, other)} ${Math.max(number, other)}`),
    );
  }

  #spread(from: number, rumour: Uint8Array): void {
    if (!this.rumoursPass) return;
    for (const other of this.#others(from))
      this.clock.after(1, () => this.nodes.get(other)!.takeRumour(memberAt(from).announcement.gossipEndpoint, rumour));
  }

  #ask(from: number, to: number, request: Uint8Array, onAnswer: (answer: Uint8Array | undefined) => void): void {
    this.requests.push({ from, to });
    if (this.silent.has(to)) return;
    const isReached = this.#others(from).includes(to) && !this.old.has(to);
    this.clock.after(1, () => onAnswer(isReached ? this.nodes.get(to)!.answer(elsewhere, request) : undefined));
  }
}

function memberAt(number: number): Member {
  return memberOf(number, { identity: identityOf(number), gossipEndpoint: endpoint(`192.0.2.1:${7_000 + number}`) });
}
