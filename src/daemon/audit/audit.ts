/**
 * Compares the tables that are made one from the other, puts right what is ours, and names the rest.
 *
 *     members of gossip -> routes in use -> table of the workers
 *     configuration, pods -> routes, addresses, rules and parameters of the kernel
 *     pods of this node in Kubernetes -> pods that are here
 *
 * None of this should ever differ: everything is published as it changes. But somebody may have deleted a route, another
 * program may have flushed a table, and weft may have a bug; whoever looks for the reason must not have to guess.
 */
import type { Logger } from '../../env/logger.ts';
import type { AuditDifference, AuditedTable, AuditReport, Status } from '../../api/control-api.ts';
import type { Finding, Inspection } from './audit-finding.ts';
import type { EventSink } from '../process/event-log.ts';
import type { ChangeAuthors } from './change-authors.ts';
import { RepairHistory, type RecentRepair } from './repair-history.ts';

/** How often. A round costs a few spawns, about 50 ms of CPU. */
const INTERVAL_MS = 60_000;

/** What a difference is of that only says that a table could not be looked at. */
export const UNSEEN_SUBJECT = 'audit';

/** Most differences that are named one by one, of each table. */
const MAX_NAMED = 100;

/** One table. */
export interface AuditedPart {
  /** Looks, and changes nothing. */
  inspect(trigger: AuditTrigger): Inspection | Promise<Inspection>;
  /** Makes everything that is ours as it should be. Idempotent. */
  repair(): void | Promise<void>;
}

export interface AuditOptions {
  /** In the order in which they are looked at. */
  readonly parts: Readonly<Record<AuditedTable, AuditedPart>>;
  /** Who changed what is ours in the kernel. */
  readonly authors?: Pick<ChangeAuthors, 'of' | 'forget'>;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
  /** Called at the end of every round but the first. */
  readonly onRound?: () => Promise<void>;
  readonly intervalMs?: number;
}

/** Why one looks: `change` as somebody changed something in the kernel. */
export type AuditTrigger = AuditReport['trigger'] | 'change';

/** A difference, with what is known of where it came about. */
type Noted = AuditDifference & Pick<Finding, 'changedIn'>;

export class Audit {
  readonly #options: AuditOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #repairs: RepairHistory;
  #last: AuditReport | undefined;
  #repaired = 0;
  #round: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  /** Differences that remained: named once, not with every round. */
  #known: ReadonlySet<string> = new Set();

  private constructor(options: AuditOptions) {
    this.#options = options;
    this.#repairs = new RepairHistory(options.wallClockMs);
    this.#timer = setInterval(() => {
      if (!this.#isBusy) void this.run('periodic');
    }, options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Does the first round, and goes on. */
  static async start(options: AuditOptions): Promise<Audit> {
    const audit = new Audit(options);
    await audit.run('start');
    return audit;
  }

  /** What the last round found. */
  last(): AuditReport {
    if (this.#last === undefined) throw new RangeError('there was no audit yet');
    return this.#last;
  }

  /** The last round in short, with what all of them repaired. */
  summary(): Status['audit'] {
    const { time, remaining } = this.last();
    return { time, repaired: this.#repaired, remaining };
  }

  /** Looks now, after the round that is under way. Never rejects: what cannot be looked at is a difference. */
  run(trigger: AuditReport['trigger']): Promise<AuditReport> {
    const round = this.#round.then(() => this.#look(trigger));
    this.#round = round;
    return round;
  }

  /**
   * Looks at what the kernel has of ours, as something changed there, and puts it right: no round of {@link last}. Never
   * rejects.
   */
  tend(): Promise<void> {
    const look = this.#round.then(() => this.#tend());
    this.#round = look;
    return look;
  }

  /** What was put right within the last ten minutes, whenever it was found. */
  repairs(): readonly RecentRepair[] {
    return this.#repairs.recent();
  }

  /** Looks now, and repairs nothing: no round of {@link last}. Never rejects. */
  inspect(): Promise<readonly Omit<AuditDifference, 'repaired'>[]> {
    const look = this.#round.then(async () => {
      const found: Omit<AuditDifference, 'repaired'>[] = [];
      for (const [table, part] of Object.entries(this.#options.parts) as [AuditedTable, AuditedPart][]) {
        const { findings } = await inspect(part, 'request');
        found.push(
          ...findings
            .slice(0, MAX_NAMED)
            .map(({ problem, subject, message }) => ({ table, problem, subject, message })),
        );
      }
      return found;
    });
    this.#round = look;
    return look;
  }

  /** Ends after the round that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async #look(trigger: AuditReport['trigger']): Promise<AuditReport> {
    this.#isBusy = true;
    const { parts, onRound, wallClockMs } = this.#options;
    const [startedMs, monotonicMs] = [wallClockMs(), performance.now()];
    const compared = { kernel: 0, workers: 0, routes: 0, kubernetes: 0 };
    const noted: Noted[] = [];
    for (const [table, part] of Object.entries(parts) as [AuditedTable, AuditedPart][]) {
      const { entries, found, wasPutRight } = await compare(table, part, trigger);
      compared[table] = entries;
      noted.push(...found);
      // What a person has put right, that person knows.
      if (trigger === 'periodic') this.#remember(found, wasPutRight);
    }
    // At the start it has just been done.
    if (trigger !== 'start') await onRound?.();
    const differences = noted.map(withoutOrigin);
    const report = {
      time: new Date(startedMs).toISOString(),
      durationMs: Math.round(performance.now() - monotonicMs),
      trigger,
      compared,
      differences,
      remaining: differences.filter(({ repaired }) => !repaired).length,
    };
    this.#note(noted, Object.keys(parts) as AuditedTable[]);
    this.#last = report;
    this.#isBusy = false;
    return report;
  }

  async #tend(): Promise<void> {
    const { found, wasPutRight } = await compare('kernel', this.#options.parts.kernel, 'change');
    this.#remember(found, wasPutRight);
    this.#note(found, ['kernel']);
  }

  /** Tells what was found when these tables were looked at. */
  #note(differences: readonly Noted[], tables: readonly AuditedTable[]): void {
    const { events, logger, authors } = this.#options;
    for (const difference of differences) {
      const { table, problem, subject, message, repaired } = difference;
      if (!repaired && this.#known.has(knownAs(difference))) continue;
      const by = this.#authorOf(difference);
      logger.warn({ table, problem, subject, repaired, ...by }, message);
      const text = by === undefined ? message : `${message}; it was changed last by ${by.by}`;
      events.add(repaired ? 'audit-repaired' : 'audit-found', {
        subject,
        message: text,
        details: { table, problem, ...by },
      });
      if (repaired) this.#repaired++;
    }
    for (const difference of differences) if (difference.repaired) authors?.forget(changedThing(difference));
    const others = [...this.#known].filter((key) => !tables.some((table) => key.startsWith(`${table} `)));
    const remaining = differences.filter(({ repaired }) => !repaired).map(knownAs);
    this.#known = new Set([...others, ...remaining]);
  }

  /**
   * What was put right; and, where the repair went well, what is gone again at once, as somebody may be faster: but not what was
   * so the last time already, since there nothing helps.
   */
  #remember(found: readonly Noted[], wasPutRight: boolean): void {
    for (const difference of found.filter(isOurs)) {
      const isNew = wasPutRight && !this.#known.has(knownAs(difference));
      if (!difference.repaired && !isNew) continue;
      if (this.#repairs.add(difference, this.#authorOf(difference)?.by)) this.#tellContest(difference);
    }
  }

  #tellContest({ table, problem, subject, message }: AuditDifference): void {
    const { events, logger } = this.#options;
    const by = this.#repairs.authorOf(message);
    const text = `somebody takes away again and again what weft puts back: ${message}`;
    const details = { table, problem, by: by ?? null };
    logger.error({ ...details, subject }, text);
    const who = by === undefined ? 'who changed it is not known' : `the last that is known to have changed it is ${by}`;
    events.add('audit-contested', { subject, message: `${text}; ${who}`, details });
  }

  /** Nothing is known of who changed the tables that are not the kernel's, nor of what is somebody else's. */
  #authorOf(difference: Noted): { readonly by: string } | undefined {
    const isKernels = difference.table === 'kernel' && isOurs(difference);
    const by = isKernels ? this.#options.authors?.of(changedThing(difference)) : undefined;
    return by === undefined ? undefined : { by };
  }
}

async function compare(
  table: AuditedTable,
  part: AuditedPart,
  trigger: AuditTrigger,
): Promise<{ entries: number; found: readonly Noted[]; wasPutRight: boolean }> {
  const before = await inspect(part, trigger);
  const ours = before.findings.filter(isOurs);
  const trouble = ours.length === 0 ? undefined : await repair(part);
  const after = ours.length === 0 ? before : await inspect(part, trigger);
  const left = new Set(after.findings.map(keyOf));
  const found = before.findings.map((finding): Noted => {
    const repaired = isOurs(finding) && !left.has(keyOf(finding));
    const why = repaired || trouble === undefined || !isOurs(finding) ? '' : `; ${trouble}`;
    return { table, ...finding, message: `${finding.message}${why}`, repaired };
  });
  return { entries: after.entries, found: shortened(table, found), wasPutRight: trouble === undefined };
}

async function inspect(part: AuditedPart, trigger: AuditTrigger): Promise<Inspection> {
  try {
    return await part.inspect(trigger);
  } catch (error) {
    return { entries: 0, findings: [{ problem: 'wrong', subject: UNSEEN_SUBJECT, message: messageOf(error) }] };
  }
}

async function repair(part: AuditedPart): Promise<string | undefined> {
  try {
    await part.repair();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Those that were not repaired come first; the others are counted if there are too many. */
function shortened(table: AuditedTable, found: readonly Noted[]): readonly Noted[] {
  if (found.length <= MAX_NAMED) return found;
  const ordered = [...found].sort((a, b) => Number(a.repaired) - Number(b.repaired));
  const rest = ordered.slice(MAX_NAMED);
  const message = `${rest.length} more differences`;
  const repaired = rest.every((difference) => difference.repaired);
  return [...ordered.slice(0, MAX_NAMED), { table, problem: 'wrong', subject: 'audit', message, repaired }];
}

/** As it is reported. */
function withoutOrigin({ table, problem, subject, message, repaired }: Noted): AuditDifference {
  return { table, problem, subject, message, repaired };
}

/** What somebody may have changed. */
function changedThing({ subject, changedIn = subject }: Finding): string {
  return changedIn;
}

function isOurs({ problem }: Finding): boolean {
  return problem !== 'foreign';
}

function knownAs(difference: AuditDifference): string {
  return `${difference.table} ${keyOf(difference)}`;
}

function keyOf({ problem, subject }: Finding): string {
  return `${problem} ${subject}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
