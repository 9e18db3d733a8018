/** What stands in the lines of the journal of leases: in the first everything, in each other one what was changed. */
import { WeftError } from '../errors.ts';
import { parseFreed, type FreedAddress, type FreedDocument } from './freed-addresses.ts';
import { leaseDocument, parseLease, parseLeaseKey, type Lease, type LeaseDocument, type LeaseKey } from './lease.ts';

/** A later version of weft may store something else. */
const FORMAT = 1;

/** A lease, and what is known of the one who has it: always stored together, so that they cannot disagree. */
export interface StoredLease<Known> {
  readonly lease: Lease;
  readonly known: Known;
  /** Of the boot in which this was last seen to be true. */
  readonly bootId: string;
}

/** Everything, as of one time. */
export interface LeaseSnapshot<Known> {
  readonly stored: readonly StoredLease<Known>[];
  /** Of the clock by which addresses were freed. */
  readonly bootId: string;
  readonly freed: readonly FreedAddress[];
  /** Checksum of a file of an earlier version whose content this was made from. */
  readonly imported?: string | undefined;
}

/** What was changed. */
export type LeaseChange<Known> =
  | { readonly kind: 'put'; readonly stored: StoredLease<Known> }
  | { readonly kind: 'drop'; readonly key: LeaseKey; readonly bootId: string; readonly freedAtMs: number };

type StoredDocument = LeaseDocument & { readonly bootId: string; readonly known: unknown };

/** Reads what is known of the one who has a lease; `undefined` if it is no such thing. */
export type KnownParser<Known> = (document: unknown) => Known | undefined;

export function snapshotDocument<Known>(
  snapshot: Omit<LeaseSnapshot<Known>, 'freed'> & { readonly freed: readonly FreedDocument[] },
): object {
  const { stored, bootId, freed, imported } = snapshot;
  return {
    format: FORMAT,
    bootId,
    leases: stored.map(storedDocument),
    freed,
    ...(imported !== undefined && { imported }),
  };
}

/** @throws WeftError `store-corrupt` */
export function parseSnapshot<Known>(document: unknown, parseKnown: KnownParser<Known>): LeaseSnapshot<Known> {
  const { format, bootId, leases, freed, imported } = fieldsOf(document);
  if (typeof format === 'number' && format > FORMAT) {
    throw corrupt(
      `are of format ${format}, of a later version of weft than this one, which reads ${FORMAT}: use that version`,
    );
  }
  if (format !== FORMAT || typeof bootId !== 'string' || !Array.isArray(leases) || !Array.isArray(freed))
    throw corrupt('are not what weft stores: restore them, or run "weft reset"');
  return {
    bootId,
    stored: leases.map((one) => parseStored(one, parseKnown)),
    freed: freed.map((one) => parseFreed(one) ?? notReadable(one)),
    ...(typeof imported === 'string' && { imported }),
  };
}

export function changesDocument(changes: readonly LeaseChange<unknown>[]): object[] {
  return changes.map((change) =>
    change.kind === 'put'
      ? { put: storedDocument(change.stored) }
      : { drop: change.key, bootId: change.bootId, freedAtMs: change.freedAtMs },
  );
}

/** @throws WeftError `store-corrupt` */
export function parseChanges<Known>(document: unknown, parseKnown: KnownParser<Known>): LeaseChange<Known>[] {
  if (!Array.isArray(document)) return notReadable(document);
  return document.map((one: unknown): LeaseChange<Known> => {
    const { put, drop, bootId, freedAtMs } = fieldsOf(one);
    if (put !== undefined) return { kind: 'put', stored: parseStored(put, parseKnown) };
    const key = parseLeaseKey(drop);
    if (key === undefined || typeof bootId !== 'string' || typeof freedAtMs !== 'number') return notReadable(one);
    return { kind: 'drop', key, bootId, freedAtMs };
  });
}

/** The stored leases contradict each other, or are none: nobody may guess whose an address is. */
export function corrupt(problem: string): WeftError {
  return new WeftError('store-corrupt', `the leases in the state directory ${problem}`);
}

function storedDocument({ lease, known, bootId }: StoredLease<unknown>): StoredDocument {
  return { ...leaseDocument(lease), bootId, known };
}

function parseStored<Known>(document: unknown, parseKnown: KnownParser<Known>): StoredLease<Known> {
  const { bootId, known: stored } = fieldsOf(document);
  const [lease, known] = [parseLease(document), parseKnown(stored)];
  if (lease === undefined || known === undefined || typeof bootId !== 'string') return notReadable(document);
  return { lease, known, bootId };
}

function notReadable(document: unknown): never {
  const shown = JSON.stringify(document)?.slice(0, 120);
  throw corrupt(`are not what weft stores, as in ${shown}: restore them, or run "weft reset"`);
}

function fieldsOf(document: unknown): Partial<Record<string, unknown>> {
  return document ?? {};
}
