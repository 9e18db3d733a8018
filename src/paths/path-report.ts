/**
 * What a node tells all others about its paths: only the bad ones, and of these the worst, so that what gossip carries does not
 * grow with the square of the cluster. In a healthy cluster nobody says anything.
 *
 * Numbers are coarse, and a path is bad until it is clearly good again: every report that differs is news to each node.
 */

/** A path as it was measured. */
export interface MeasuredPath {
  /** The node at its other end. */
  readonly identity: string;
  /** Whether nothing comes back at all. */
  readonly isDown: boolean;
  readonly lossRatio: number | null;
  readonly roundTripMs: { readonly smoothed: number } | undefined;
  /** How many probes that is known from. */
  readonly probes: number;
}

/** What is said of a path. */
export interface ReportedPath {
  readonly identity: string;
  /** One of {@link LOSS_STEPS_PERMILLE}; 1000: nothing comes back. */
  readonly lossPermille: number;
  /** A power of two, in microseconds; 0 if nothing ever came back. */
  readonly roundTripUs: number;
}

/** Most paths that are reported. */
export const MAX_REPORTED_PATHS = 8;

/** Loss is rounded down to one of these. */
const LOSS_STEPS_PERMILLE = [50, 100, 200, 500];
const DOWN_PERMILLE = 1_000;
/**
 * What was reported last is said again until the loss is clearly another: less than half of it, or half as much again as the
 * next step. Over the last hundred probes a steady loss of 10 % is now 7 %, now 13 %.
 */
const CLEARLY_LESS = 0.5;
const CLEARLY_MORE = 1.5;
/** Below this a path that was reported is good again. */
const GOOD_PERMILLE = 10;
/** From here on others do not ask for a relay to that node: not said too late. */
const BAD_PERMILLE = 500;
/** Probes that a loss is believed from, and how many of them were lost: the first one is not a loss of everything. */
const MIN_PROBES = 20;
const MIN_LOST = 3;

/**
 * The worst of `paths`, by identity; none if all are good.
 *
 * @param before what was reported last.
 * @param most how many there is room for.
 */
export function reportPaths(
  paths: readonly MeasuredPath[],
  before: readonly ReportedPath[],
  most = MAX_REPORTED_PATHS,
): ReportedPath[] {
  const reported = new Map(before.map((report) => [report.identity, report]));
  return paths
    .map((path) => ({
      identity: path.identity,
      lossPermille: lossPermilleOf(path, reported.get(path.identity)),
      roundTripUs: path.roundTripMs === undefined ? 0 : powerOfTwo(path.roundTripMs.smoothed * 1_000),
    }))
    .filter(({ lossPermille }) => lossPermille > 0)
    .sort(
      (a, b) =>
        b.lossPermille - a.lossPermille ||
        Number(reported.has(b.identity)) - Number(reported.has(a.identity)) ||
        compare(a.identity, b.identity),
    )
    .slice(0, most)
    .sort((a, b) => compare(a.identity, b.identity));
}

/** 0: the path is good. */
function lossPermilleOf({ isDown, lossRatio, probes }: MeasuredPath, before: ReportedPath | undefined): number {
  if (isDown) return DOWN_PERMILLE;
  if (lossRatio === null || probes < MIN_PROBES) return 0;
  const lossPermille = lossRatio * 1_000;
  if (before !== undefined && isStill(before.lossPermille, lossPermille)) return before.lossPermille;
  if (lossRatio * probes < MIN_LOST) return 0;
  return LOSS_STEPS_PERMILLE.findLast((step) => lossPermille >= step) ?? 0;
}

/** Whether a step that was reported is still near enough to what is measured. */
function isStill(step: number, lossPermille: number): boolean {
  const isLowest = step === LOSS_STEPS_PERMILLE[0];
  if (step === DOWN_PERMILLE || lossPermille < (isLowest ? GOOD_PERMILLE : step * CLEARLY_LESS)) return false;
  if (lossPermille >= BAD_PERMILLE) return step === BAD_PERMILLE;
  const next = LOSS_STEPS_PERMILLE.find((other) => other > step);
  return next === undefined || lossPermille < next * CLEARLY_MORE;
}

function powerOfTwo(value: number): number {
  return 2 ** Math.round(Math.log2(Math.max(1, value)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
