/** Entries of the rulebook <-> bytes (`proto/weft/v1/rulebook.proto`), and the one door that checks them. */
import { decodeSafely } from '../membership/codec.ts';
import { checkFieldLimits, type FieldLimits } from '../membership/field-limits.ts';
import { weft } from '../membership/generated/weft.js';
import { hashBytes } from '../membership/hash.ts';
import { bytesToHex } from '../membership/identity.ts';
import { MAX_NAME_BYTES, POD_VERSION_BYTES } from '../membership/limits.ts';
import { podVersionFromBytes, podVersionToBytes } from '../membership/pod-version.ts';
import { writeSum } from '../membership/table-digest.ts';
import {
  type EntryName,
  isNamespaced,
  type RulebookEntry,
  type RulebookKind,
  rulebookKinds,
  type SealedEntry,
} from './entry.ts';
import {
  ENTRY_FIELDS_BYTES,
  ENTRY_HASH_BYTES,
  MAX_LABEL_LENGTH,
  MAX_OBJECT_BYTES,
  MAX_OBJECT_NAME_LENGTH,
} from './limits.ts';

/** Longest encoded entry, in bytes. */
export const MAX_ENTRY_BYTES = MAX_OBJECT_BYTES + ENTRY_FIELDS_BYTES;

const entryLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: 0 },
  2: { maxCount: 1, maxBytes: MAX_LABEL_LENGTH },
  3: { maxCount: 1, maxBytes: MAX_OBJECT_NAME_LENGTH },
  4: { maxCount: 1, maxBytes: POD_VERSION_BYTES },
  5: { maxCount: 1, maxBytes: MAX_NAME_BYTES },
  6: { maxCount: 1, maxBytes: MAX_OBJECT_BYTES },
};

/** Seeds of the two halves of a hash. */
const seeds = [0x81_1c_9d_c5, 0x9e_37_79_b9] as const;

/** Names end up in terminals and logs. */
const DNS_LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const subdomain = new RegExp(String.raw`^${DNS_LABEL}(?:\.${DNS_LABEL})*$`);
const label = new RegExp(`^${DNS_LABEL}$`);
const printableName = /^[\u0021-\u007e]+$/;

/** The entry with its bytes. */
export function sealEntry(entry: RulebookEntry): SealedEntry {
  const { kind, namespace, name, version, origin, object } = entry;
  const bytes = weft.v1.RulebookEntry.encode({
    kind: rulebookKinds.indexOf(kind) + 1,
    ...(namespace !== '' && { namespace }),
    name,
    version: podVersionToBytes(version),
    origin,
    ...(object !== undefined && { object }),
  }).finish();
  return sealed(entry, Uint8Array.from(bytes));
}

/** Reads an entry; `undefined`: it is none, beyond its limits, or does not say what it is about. Holds on to nothing of `bytes`. */
export function parseEntry(bytes: Uint8Array): SealedEntry | undefined {
  if (bytes.length > MAX_ENTRY_BYTES || checkFieldLimits(bytes, 0, bytes.length, entryLimits) !== 'ok')
    return undefined;
  const raw = decodeSafely(() => weft.v1.RulebookEntry.decode(bytes));
  const version = raw && podVersionFromBytes(raw.version);
  const kind = raw && rulebookKinds[raw.kind - 1];
  if (raw === undefined || version === undefined || kind === undefined || !printableName.test(raw.origin))
    return undefined;
  const { namespace, name, origin } = raw;
  const object = raw.object === '' ? undefined : raw.object;
  const entry = { kind, namespace, name, version, origin, object };
  if (!isName(entry) || (object !== undefined && !isAbout(object, entry))) return undefined;
  return sealed(entry, Uint8Array.from(bytes));
}

/** Whether something may be called so. */
export function isName({ kind, namespace, name }: EntryName): boolean {
  // In names of DNS, each is one label.
  const isLabel = kind === 'Namespace' || kind === 'Service';
  if (name.length > (isLabel ? MAX_LABEL_LENGTH : MAX_OBJECT_NAME_LENGTH)) return false;
  if (!(isLabel ? label : subdomain).test(name)) return false;
  return isNamespaced(kind) ? namespace.length <= MAX_LABEL_LENGTH && label.test(namespace) : namespace === '';
}

/** Whether JSON is an object of that kind and name. What it says beyond that is for whoever reads it. */
function isAbout(text: string, { kind, namespace, name }: EntryName): boolean {
  const object = decodeSafely(() => JSON.parse(text) as unknown);
  const { kind: ofKind, metadata } = Object(object) as Readonly<Record<string, unknown>>;
  const { name: called, namespace: within = '' } = Object(metadata) as Readonly<Record<string, unknown>>;
  return ofKind === (kind satisfies RulebookKind) && called === name && within === namespace;
}

function sealed(entry: RulebookEntry, bytes: Uint8Array): SealedEntry {
  const hash = new Uint8Array(ENTRY_HASH_BYTES);
  writeSum(hash, 0, hashBytes(bytes, seeds[0]), hashBytes(bytes, seeds[1]));
  return { entry, bytes, hash: bytesToHex(hash) };
}
