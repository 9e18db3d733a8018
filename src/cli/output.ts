/** What a command prints: JSON for programs, text for people. */

/** Options that every command has. */
export interface OutputOptions {
  readonly json?: true;
}

/** Prints `value` as JSON if `--json` was given, otherwise the text made by `format`. */
export function print(options: OutputOptions, value: unknown, format: () => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, undefined, 2)}\n` : format());
}
