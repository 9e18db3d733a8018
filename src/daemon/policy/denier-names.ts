/**
 * Who denies, by the tag under which it is counted and logged: also what is gone by now, and what an earlier daemon enforced, as the rules of
 * that stay in the kernel until there is another plan.
 *
 * Names are stored a moment after the rules that they are of change: those of rules that are younger than that when a daemon is killed are not
 * known to the next one, until it has the same rules.
 */
import * as v from 'valibot';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';
import type { IsolationPlan } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import type { Direction } from '../../policy/policy.ts';
import { always, type CountedRule, taggedOf } from './counted-rules.ts';

/** Who denies, or would. */
export interface Denier {
  /** As the pod sees it that the policy selects; empty: in either. */
  readonly direction: Direction | '';
  /** Titles of policies, joined by `+`: of several that isolate the first ones, and then `...`. Empty: of none. */
  readonly policy: string;
  /** Without its policy: `ingress[2].from[0]`. Empty: no rule decides, and the policies isolate. */
  readonly rule: string;
  /** All of it, for people: `shop/web ingress[2].from[0]`, `isolated by shop/web, no rule matches`. */
  readonly text: string;
  /** Nothing is dropped. */
  readonly isAudit: boolean;
}

/** How soon names are stored, in ms: whoever changes policies all day has them written once in that time. */
const STORE_DELAY_MS = 1_000;

/** Names that are stored: the newest. A file of them has half a megabyte. */
const MAX_STORED = 4_096;

/** Names that are kept beside those of the plan, of what is gone; so many more, and the oldest are forgotten. */
const MAX_GONE = 4_096;

/** Policies that one name has of those that isolate. */
const MAX_POLICIES = 3;

/** Longest texts that are believed, in characters: names of Kubernetes are shorter. */
const MAX_TEXT = 4_096;

const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const storedNames = v.array(
  v.object({
    tag: v.pipe(v.string(), v.regex(/^[ri][\da-f]{16}$/)),
    direction: v.picklist(['ingress', 'egress', '']),
    policy: text,
    rule: text,
    text,
    isAudit: v.boolean(),
  }),
);

/** Of what no policy denies. */
const fixed: ReadonlyMap<string, Denier> = new Map(always.map(([tag, one]) => [tag, denierOf(tag, one)]));

/** What a tag stands for that is not known: of a rule that is younger than what the daemon before had stored. */
export const UNKNOWN_DENIER: Denier = {
  direction: '',
  policy: '',
  rule: 'unknown',
  text: 'a rule whose name is not known yet',
  isAudit: false,
};

export interface DenierNamesOptions {
  readonly store: PatientStore;
  /** As the kernel has it. */
  readonly plan: () => PlanState | undefined;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Logger;
}

export class DenierNames {
  readonly #options: DenierNamesOptions;
  /** By tags, the newest last. */
  #names = new Map<string, Denier>();
  #isWaiting = false;
  /** How many there may be before those that are gone are looked for. */
  #most = MAX_GONE;

  /** Knows what was stored. */
  constructor(options: DenierNamesOptions) {
    this.#options = options;
    this.#load();
  }

  /** Whom a tag stands for; `undefined`: that is not known. */
  of(tag: string): Denier | undefined {
    return fixed.get(tag) ?? this.#names.get(tag);
  }

  /** To be told what is in the plan from now on, before the kernel has it. */
  add(isolations: readonly IsolationPlan[]): void {
    for (const isolation of isolations) {
      for (const [tag, denier] of deniersOf(isolation)) {
        this.#names.delete(tag);
        this.#names.set(tag, denier);
      }
    }
    if (this.#names.size > this.#most) this.#forget();
    if (isolations.length > 0) this.#storeLater();
  }

  /** Stores what is not stored yet. */
  close(): void {
    if (this.#isWaiting) this.#store();
  }

  /** Those that are neither in the plan nor among the newest of the others. */
  #forget(): void {
    const planned = new Set(
      this.#options
        .plan()
        ?.whole()
        .isolations.flatMap((one) => deniersOf(one).map(([tag]) => tag)),
    );
    const gone = [...this.#names.keys()].filter((tag) => !planned.has(tag));
    for (const tag of gone.slice(0, -MAX_GONE / 2)) this.#names.delete(tag);
    this.#most = planned.size + MAX_GONE;
  }

  #load(): void {
    const { store, logger } = this.#options;
    try {
      const stored = v.parse(storedNames, store.load() ?? []);
      this.#names = new Map(stored.map(({ tag, ...denier }) => [tag, denier]));
    } catch (error) {
      if (!(error instanceof WeftError) && !(error instanceof v.ValiError)) throw error;
      logger.warn({ err: error }, 'names of rules that an earlier daemon enforced cannot be read');
    }
  }

  #storeLater(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#options.clock.after(STORE_DELAY_MS, () => this.close());
  }

  #store(): void {
    this.#isWaiting = false;
    const newest = [...this.#names].slice(-MAX_STORED);
    this.#options.store.keep(newest.map(([tag, denier]) => ({ tag, ...denier })));
  }
}

/** All that may deny in an isolation, by tags. */
export function deniersOf(isolation: IsolationPlan): readonly (readonly [string, Denier])[] {
  return taggedOf(isolation)
    .filter(([, { effect }]) => effect === 'denied' || effect === 'audited')
    .map(([tag, one]) => [tag, denierOf(tag, one)] as const);
}

function denierOf(tag: string, { rule, policies, place, direction, effect }: CountedRule): Denier {
  const named = policies.slice(0, MAX_POLICIES);
  const policy = [...named, ...(policies.length > named.length ? ['...'] : [])].join('+');
  return { direction, policy, rule: direction === '' ? tag : place, text: rule, isAudit: effect === 'audited' };
}
