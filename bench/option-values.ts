/** Values of options that several benchmarks have. */
import { ConfigError } from '../src/errors.ts';

/** What `parse` gives. @throws ConfigError of whatever it throws */
export function parsed<Values>(parse: () => Values): Values {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError('', error instanceof Error ? error.message : String(error));
  }
}

/** `--only NAMES`: those of `parts` that are named, with commas between; all of them if nothing is said. @throws ConfigError */
export function chosenParts<Part extends string>(parts: readonly Part[], only: string | undefined): readonly Part[] {
  if (only === undefined) return parts;
  const names = only.split(',');
  const unknown = names.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new ConfigError('--only', `there is no ${unknown}; there are ${parts.join(', ')}`);
  return parts.filter((part) => names.includes(part));
}

/** @throws ConfigError unless it is one from 1 to `most` */
export function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ConfigError(option, `${text} is not a whole number from 1 to ${most}`);
}
