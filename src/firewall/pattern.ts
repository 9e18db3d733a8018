/** What a rule compares a field of a packet with, and how far that can be decided. */
import { compareIpAddresses, equalIpAddresses, type IpAddress } from '../wire/address.ts';
import { type Prefix, prefixContains } from '../wire/prefix.ts';

/** Of a field: a number, the name of a device or of something else, an address. */
export type Value = number | string | IpAddress;

/** Yes, no, or `undefined`: that cannot be told. */
export type Answer = boolean | undefined;

/** A value or several at once. `row` is for fields that are compared together; `obscure` is what is not understood. */
export type Pattern =
  | { readonly kind: 'is'; readonly value: Value }
  | { readonly kind: 'range'; readonly first: Value; readonly last: Value }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'begins'; readonly text: string }
  | { readonly kind: 'row'; readonly patterns: readonly Pattern[] }
  | { readonly kind: 'obscure' };

/** What is not understood: whether it matches cannot be told. */
export const obscurePattern: Pattern = { kind: 'obscure' };

/** Whether a value that may be unknown is what the pattern says. A row of values goes with a row of patterns. */
export function matchPattern(pattern: Pattern, values: readonly (Value | undefined)[]): Answer {
  if (pattern.kind === 'row') {
    if (pattern.patterns.length !== values.length) return undefined;
    return all(pattern.patterns.map((one, index) => matchOne(one, values[index])));
  }
  return values.length === 1 ? matchOne(pattern, values[0]) : undefined;
}

/** Whether one of them does. */
export function matchAny(patterns: readonly Pattern[], values: readonly (Value | undefined)[]): Answer {
  let answer: Answer = false;
  for (const pattern of patterns) {
    const one = matchPattern(pattern, values);
    if (one === true) return true;
    if (one === undefined) answer = undefined;
  }
  return answer;
}

/** Negation; what cannot be told stays so. */
export function not(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer;
}

/** Order of two values of one kind; `undefined` if they have none. */
export function compareValues(a: Value, b: Value): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'object' && typeof b === 'object' && a.family === b.family) return compareIpAddresses(a, b);
  return undefined;
}

function all(answers: readonly Answer[]): Answer {
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}

function matchOne(pattern: Pattern, value: Value | undefined): Answer {
  if (value === undefined) return isAnything(pattern) ? true : undefined;
  if (pattern.kind === 'is') return equalValues(pattern.value, value);
  if (pattern.kind === 'prefix') return typeof value === 'object' ? prefixContains(pattern.prefix, value) : undefined;
  if (pattern.kind === 'begins') return typeof value === 'string' ? value.startsWith(pattern.text) : undefined;
  if (pattern.kind !== 'range') return undefined;
  const [low, high] = [compareValues(pattern.first, value), compareValues(value, pattern.last)];
  return low === undefined || high === undefined ? undefined : low <= 0 && high <= 0;
}

/** A prefix of no bits holds every address of its family, which the field has that it is compared with. */
function isAnything(pattern: Pattern): boolean {
  return (
    (pattern.kind === 'prefix' && pattern.prefix.lengthBits === 0) || (pattern.kind === 'begins' && pattern.text === '')
  );
}

function equalValues(a: Value, b: Value): Answer {
  if (typeof a !== typeof b) return undefined;
  return typeof a === 'object' ? equalIpAddresses(a, b as IpAddress) : a === b;
}
