/** A moment in the past, with what lies around it. */

/** Both ends in ms since 1970. */
export interface MomentWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How far around a moment may be looked, in seconds. */
export const MAX_AROUND_SECONDS = 86_400;
