/** The members that the last run saw alive: who they were, and where, as seeds of the next. */
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../wire/address.ts';
import type { Acquaintance } from './acquaintances.ts';

/** Enough to find a cluster again. */
const MAX_STORED = 32;

export interface StoredMembers {
  readonly endpoints: readonly Endpoint[];
  /** Version 0.1.0 kept none. */
  readonly members: readonly Acquaintance[];
}

/** What is stored of them. */
export function membersDocument({ endpoints, members }: StoredMembers): object {
  return {
    endpoints: endpoints.slice(0, MAX_STORED).map((endpoint) => formatEndpoint(endpoint)),
    members: members.slice(0, MAX_STORED).map(({ identity, name }) => ({ identity, name })),
  };
}

/** What was stored. Nothing, or something else, is no reason not to start: there are other seeds. */
export function parseMembersDocument(document: unknown): StoredMembers {
  const { endpoints, members } = (document ?? {}) as Partial<Record<keyof StoredMembers, unknown>>;
  return {
    endpoints: list(endpoints)
      .filter((text) => typeof text === 'string')
      .map((text) => parseEndpoint(text))
      .filter((endpoint) => endpoint !== undefined),
    members: list(members).filter(isAcquaintance),
  };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isAcquaintance(value: unknown): value is Acquaintance {
  const { identity, name } = (value ?? {}) as Partial<Record<keyof Acquaintance, unknown>>;
  return typeof identity === 'string' && typeof name === 'string';
}
