/** Seeds: names and addresses of nodes to begin gossip with, made endpoints when they are needed. */
import { lookup } from 'node:dns/promises';
import type { Endpoint } from '../../wire/address.ts';
import { equalEndpoints, parseIpAddress } from '../../wire/address.ts';
import type { SeedHost } from '../config/config.ts';

/** What became of the seeds. */
export interface ResolvedSeeds {
  /** In the order of the seeds, without repetition. A name may give several. */
  readonly endpoints: readonly Endpoint[];
  /** Names that gave none, and why: `ENOTFOUND`. They may resolve later: ask again. */
  readonly unresolved: readonly { readonly host: string; readonly problem: string }[];
}

/** Gives all addresses of a name, as text. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/** Resolves every seed, names through the system's resolver. Never rejects; may take as long as the resolver does. */
export async function resolveSeeds(seeds: readonly SeedHost[], lookUp: LookUp = systemLookUp): Promise<ResolvedSeeds> {
  const answers = await Promise.all(seeds.map((seed) => resolveSeed(seed, lookUp)));
  const endpoints: Endpoint[] = [];
  for (const endpoint of answers.flatMap((answer) => answer.endpoints)) {
    if (!endpoints.some((known) => equalEndpoints(known, endpoint))) endpoints.push(endpoint);
  }
  return { endpoints, unresolved: answers.flatMap((answer) => answer.unresolved) };
}

async function resolveSeed({ host, port }: SeedHost, lookUp: LookUp): Promise<ResolvedSeeds> {
  const literal = parseIpAddress(host);
  if (literal !== undefined) return { endpoints: [{ address: literal, port }], unresolved: [] };
  try {
    const addresses = (await lookUp(host)).map(parseIpAddress).filter((address) => address !== undefined);
    return { endpoints: addresses.map((address) => ({ address, port })), unresolved: [] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { endpoints: [], unresolved: [{ host, problem: code ?? message }] };
  }
}

async function systemLookUp(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map(({ address }) => address);
}
