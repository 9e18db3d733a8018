/** Which nodes see what is true, and since when. */
import type { Announcement, Member } from '../membership/announcement.ts';
import { equalEndpoints } from '../wire/address.ts';
import { comparePrefixes } from '../wire/prefix.ts';
import type { ViewChange, Views } from './views.ts';

/** A point of the curve: so many of so many nodes saw everything as it is. */
export interface AgreementPoint {
  readonly atMs: number;
  readonly right: number;
  readonly nodes: number;
  /** Which share of all that all nodes see is as it is. */
  readonly rightShare: number;
}

/** Points closer together than this are one. */
const POINT_INTERVAL_MS = 5;

/**
 * Compares every view with what should be seen: of each node its present announcement, or that it is gone. Suspects count
 * as present: they have their routes.
 */
export class Agreement {
  readonly #views: Views;
  readonly #identityOf: (number: number) => string;
  readonly #nowMs: () => number;
  /** What each node should be seen to announce; `undefined`: gone. Nobody minds those who are not in it. */
  readonly #expected = new Map<number, Announcement | undefined>();
  /** Per viewer, how many nodes it sees wrongly. */
  readonly #wrong = new Map<number, number>();
  readonly #rightSinceMs = new Map<number, number>();
  #viewersInError = 0;
  #totalWrong = 0;
  points: AgreementPoint[] = [];

  constructor(views: Views, identityOf: (number: number) => string, nowMs: () => number) {
    this.#views = views;
    this.#identityOf = identityOf;
    this.#nowMs = nowMs;
  }

  /** Nodes that are seen wrongly by somebody exist no more. */
  get isReached(): boolean {
    return this.#viewersInError === 0;
  }

  /** The curve begins here. */
  restartCurve(): void {
    this.points = [];
    this.#draw();
  }

  /** Whether a viewer sees anything wrongly. */
  isWrong(viewer: number): boolean {
    return (this.#wrong.get(viewer) ?? 0) > 0;
  }

  /** Viewers that see something wrong, with how much. */
  get inError(): readonly (readonly [viewer: number, wrong: number])[] {
    return [...this.#wrong].filter(([, wrong]) => wrong > 0);
  }

  /** What a viewer sees wrongly, in words. */
  describeError(viewer: number): string {
    for (const [subject, expected] of this.#expected) {
      const seen = this.#views.find(viewer, this.#identityOf(subject));
      if (isAsExpected(seen, expected)) continue;
      const wanted = expected === undefined ? 'gone' : 'as it announces itself now';
      return `n${viewer} sees n${subject} ${seen === undefined ? 'not at all' : `${seen.state}@${seen.incarnation}`}, which is ${wanted}`;
    }
    return `n${viewer} sees nothing wrong`;
  }

  /** From now on `subject` should be seen with this announcement, or gone. */
  expect(subject: number, announcement: Announcement | undefined): void {
    const isFirst = !this.#expected.has(subject);
    const earlier = this.#expected.get(subject);
    if (!isFirst && earlier === announcement) return;
    this.#expected.set(subject, announcement);
    const identity = this.#identityOf(subject);
    for (const viewer of this.#views.viewers()) {
      const seen = this.#views.find(viewer, identity);
      const wasWrong = !isFirst && !isAsExpected(seen, earlier);
      this.#count(viewer, Number(!isAsExpected(seen, announcement)) - Number(wasWrong));
    }
    this.#draw();
  }

  /** A viewer starts, with an empty view. */
  add(viewer: number): void {
    let wrong = 0;
    for (const expected of this.#expected.values()) if (expected !== undefined) wrong++;
    this.#wrong.set(viewer, 0);
    this.#rightSinceMs.set(viewer, this.#nowMs());
    this.#count(viewer, wrong);
    this.#draw();
  }

  /** A viewer ended. */
  drop(viewer: number): void {
    const wrong = this.#wrong.get(viewer) ?? 0;
    if (wrong > 0) this.#viewersInError--;
    this.#totalWrong -= wrong;
    this.#wrong.delete(viewer);
    this.#rightSinceMs.delete(viewer);
    this.#draw();
  }

  take({ viewer, subject, before, after }: ViewChange): void {
    if (!this.#expected.has(subject)) return;
    const expected = this.#expected.get(subject);
    const difference = Number(!isAsExpected(after, expected)) - Number(!isAsExpected(before, expected));
    if (difference === 0) return;
    this.#count(viewer, difference);
    this.#draw();
  }

  /** How long after `startMs` each viewer began to see everything as it is, in ms; `undefined` for who does not. */
  timesMs(startMs: number): Map<number, number | undefined> {
    return new Map(
      [...this.#wrong].map(([viewer, wrong]) => [
        viewer,
        wrong > 0 ? undefined : Math.max(0, this.#rightSinceMs.get(viewer)! - startMs),
      ]),
    );
  }

  #count(viewer: number, difference: number): void {
    if (difference === 0) return;
    const before = this.#wrong.get(viewer) ?? 0;
    const now = before + difference;
    this.#wrong.set(viewer, now);
    this.#totalWrong += difference;
    if (before === 0 && now > 0) this.#viewersInError++;
    if (now === 0) {
      this.#viewersInError--;
      this.#rightSinceMs.set(viewer, this.#nowMs());
    }
  }

  #draw(): void {
    const nodes = this.#wrong.size;
    const seen = Math.max(1, nodes * this.#expected.size);
    const rightShare = 1 - this.#totalWrong / seen;
    const point = { atMs: this.#nowMs(), right: nodes - this.#viewersInError, nodes, rightShare };
    const last = this.points.at(-1);
    const isClose = last !== undefined && point.atMs - last.atMs < POINT_INTERVAL_MS;
    if (isClose) this.points[this.points.length - 1] = { ...point, atMs: last.atMs };
    else this.points.push(point);
  }
}

function isAsExpected(seen: Member | undefined, expected: Announcement | undefined): boolean {
  const isLive = seen !== undefined && (seen.state === 'alive' || seen.state === 'suspect');
  if (expected === undefined) return !isLive;
  return isLive && announcesSame(seen.announcement, expected);
}

/** Whether two announcements of one node agree on all that routes depend on, and on its keys. */
function announcesSame(a: Announcement, b: Announcement): boolean {
  return (
    a === b ||
    (equalEndpoints(a.gossipEndpoint, b.gossipEndpoint) &&
      a.mtuBytes === b.mtuBytes &&
      a.keyIds.length === b.keyIds.length &&
      a.keyIds.every((id, index) => id === b.keyIds[index]) &&
      a.prefixes.length === b.prefixes.length &&
      a.prefixes.every((prefix, index) => comparePrefixes(prefix, b.prefixes[index]!) === 0))
  );
}
