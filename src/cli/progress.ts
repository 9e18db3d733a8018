/** What a person sees of a command that takes longer than a second. */

/** Before that, a line would only flicker. */
const FIRST_LINE_AFTER_MS = 1_000;
const LINE_EVERY_MS = 250;

/** Erases the line that the cursor is in (ECMA-48, 8.3.41), and goes to its begin. */
const ERASE_LINE = '\r\u001b[2K';

/**
 * While `work` takes, a line on standard error says what is done and for how long already. It is gone when the work ends. Not
 * where standard error is no terminal.
 *
 * @param what is done, such as `pinging`; a function where that changes.
 */
export async function withProgress<Result>(what: string | (() => string), work: Promise<Result>): Promise<Result> {
  const { stderr } = process;
  if (!stderr.isTTY) return await work;
  const started = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    const tookMs = performance.now() - started;
    if (tookMs < FIRST_LINE_AFTER_MS) return;
    isShown = true;
    const text = `${typeof what === 'string' ? what : what()}, ${Math.floor(tookMs / 1_000)} s`;
    stderr.write(`${ERASE_LINE}${text.slice(0, (stderr.columns || 80) - 1)}`);
  }, LINE_EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (isShown) stderr.write(ERASE_LINE);
  }
}
