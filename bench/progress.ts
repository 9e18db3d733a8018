/** What a benchmark does at the moment: on standard error, so that its table can be piped. */
export function showProgress(step: string): void {
  process.stderr.write(`bench: ${step}\n`);
}
