/** Waiting for what happens elsewhere: looked for again and again, and never longer than until a deadline. */

/** How soon to look again, in ms. */
const LOOK_INTERVAL_MS = 50;

/** How many looks in a row find what does not move any more. */
const STILL_LOOKS = 4;

/** Long enough for a machine that does ten other things: what comes sooner is not waited for. */
const DEADLINE_MS = 50_000;

/** Waits until `condition` holds. @throws Error naming `what` after `deadlineMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

/** Waits until a count has grown, and then stays the same. @returns the count. @throws Error naming `what` if it goes on. */
export async function untilStill(what: string, count: () => number): Promise<number> {
  let last = count();
  let looks = 0;
  await until(`${what} stays the same`, () => {
    const now = count();
    looks = now === last && now > 0 ? looks + 1 : 0;
    last = now;
    return looks === STILL_LOOKS;
  });
  return last;
}
