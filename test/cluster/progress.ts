/** What `scripts/kubernetes` does at the moment: on standard error. */
import type { Progress } from './programs.ts';

/** Where nobody sees a line change, one is enough for so long. */
const LINE_EVERY_MS = 10_000;

/** Erases the line that the cursor is in (ECMA-48, 8.3.41), and goes to its begin. */
const ERASE_LINE = '\r\u001b[2K';

/** A step that is told again with another count takes the place of the line before; on no terminal it is left out most of the time. */
export function showProgress(): { readonly step: Progress; readonly end: () => void } {
  const { stderr } = process;
  const started = performance.now();
  let lastKind = '';
  let lastLineMs = -Infinity;
  const step = (text: string): void => {
    const now = performance.now();
    const [kind = ''] = text.split(':');
    const isSame = kind === lastKind;
    if (isSame && !stderr.isTTY && now - lastLineMs < LINE_EVERY_MS) return;
    const seconds = `${Math.round((now - started) / 1_000)} s`.padStart(6);
    stderr.write(
      `${stderr.isTTY && isSame ? ERASE_LINE : lastKind === '' || !stderr.isTTY ? '' : '\n'}${seconds}  ${text}`,
    );
    if (!stderr.isTTY) stderr.write('\n');
    [lastKind, lastLineMs] = [kind, now];
  };
  const end = (): void => void (stderr.isTTY && lastKind !== '' && stderr.write('\n'));
  return { step, end };
}
