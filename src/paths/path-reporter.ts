/** Has gossip carry the worst of this node's paths: at most every ten seconds, and only when something else is to be said. */
import type { Clock } from '../env/clock.ts';
import { MAX_REPORTED_PATHS, type MeasuredPath, reportPaths, type ReportedPath } from './path-report.ts';

export interface PathReporterOptions {
  readonly clock: Clock;
  readonly paths: () => readonly MeasuredPath[];
  /** What is announced now: it may have given way to something else. */
  readonly announced: () => readonly ReportedPath[];
  /** False: there is no room for so many beside what else the node announces, and nothing has changed. */
  readonly announce: (reports: readonly ReportedPath[]) => boolean;
}

/** How often is looked, in ms: each announcement is news to the whole cluster. */
export const REPORT_INTERVAL_MS = 10_000;

export class PathReporter {
  readonly #options: PathReporterOptions;
  #isClosed = false;

  constructor(options: PathReporterOptions) {
    this.#options = options;
    this.#later();
  }

  /** Reports nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  #later(): void {
    this.#options.clock.after(REPORT_INTERVAL_MS, () => {
      if (this.#isClosed) return;
      this.#report();
      this.#later();
    });
  }

  #report(): void {
    const paths = this.#options.paths();
    const announced = this.#options.announced();
    for (let most = MAX_REPORTED_PATHS; most >= 0; most--) {
      const reports = reportPaths(paths, announced, most);
      if (isSame(reports, announced) || this.#options.announce(reports)) return;
    }
  }
}

/** Another round trip alone is no news. */
function isSame(a: readonly ReportedPath[], b: readonly ReportedPath[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ identity, lossPermille }, index) => {
      const other = b[index]!;
      return identity === other.identity && lossPermille === other.lossPermille;
    })
  );
}
