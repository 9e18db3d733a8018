/** The keys of a request, in its body or its query: known, present and of the right type, said the same way of every request. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { formatIpAddress, parseIpAddress } from '../../wire/address.ts';

/**
 * What `schema`, a strict object, makes of `input`.
 *
 * @throws ConfigError naming the first key that is wrong, missing or not known
 */
export function parseKeys<Output>(schema: v.GenericSchema<unknown, Output>, input: unknown): Output {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ConfigError(v.getDotPath(issue) ?? '', problemOf(issue));
}

/** @throws ConfigError naming the first key of `query` that is none of `known` */
export function refuseUnknownKeys(query: URLSearchParams, known: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ConfigError(unknown, UNKNOWN);
}

/** Value of a key that is `true` or `false`; `false` if it is not there. @throws ConfigError */
export function parseTruth(query: URLSearchParams, key: string): boolean {
  const text = query.get(key) ?? 'false';
  if (text !== 'true' && text !== 'false') throw new ConfigError(key, `${text} is neither true nor false`);
  return text === 'true';
}

/** Value of a key that is a time, in ms since 1970; `undefined` if it is not there. @throws ConfigError */
export function parseTime(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw new ConfigError(key, `${text} is not a time (ISO 8601)`);
  return timeMs;
}

/** Most addresses that one request names: more than a pod has. */
const MAX_ADDRESSES = 64;

/** Addresses of a key, with commas, as they are written everywhere else; none: it is not there. @throws ConfigError */
export function parseAddresses(query: URLSearchParams, key: string): string[] {
  const texts = (query.get(key) ?? '').split(',').filter((text) => text !== '');
  if (texts.length > MAX_ADDRESSES) throw new ConfigError(key, `${texts.length} are more than ${MAX_ADDRESSES}`);
  return texts.map((text) => {
    const address = parseIpAddress(text);
    if (address === undefined) throw new ConfigError(key, `${text} is not an address`);
    return formatIpAddress(address);
  });
}

const UNKNOWN = 'is not a known key';

function problemOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== 'strict_object') return issue.message;
  if (issue.expected === 'never') return UNKNOWN;
  return issue.path?.at(-1)?.origin === 'key' ? 'is missing' : 'is not an object';
}
