/**
 * What weft answers by itself: the domain of the cluster, and the names of addresses in its prefixes, of pods and of services. What it
 * decides depends on the question and the table alone.
 *
 *     weft.internal             SOA, NS
 *     (pods, nodes, services)   A, AAAA
 *     2.244.10.in-addr.arpa     (and the like, for these prefixes) PTR below
 *
 * Negative answers carry the zone's SOA (RFC 2308, section 3). A name that is nobody's, but has names below, exists (RFC 8020).
 */
import type { Prefix } from '../wire/prefix.ts';
import { formatIpAddress } from '../wire/address.ts';
import { labelsBefore, lowerCase } from './domain-name.ts';
import { CLASS_IN, type NameQuestion, RecordType } from './name-question.ts';
import type { NameHolder } from './name-holder.ts';
import { type NameTable, NODE_LABEL } from './name-table.ts';
import { parseReverseName } from './reverse-name.ts';

/** What is in an answer. Its owner is the name that was asked. */
export type NameRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'PTR' | 'NS'; readonly name: string }
  | { readonly type: 'SOA' };

/** What is to be said to a question. */
export type NameDecision =
  /** Of weft's own names: `negative` is the zone whose SOA says that there is nothing. */
  | { readonly kind: 'answer'; readonly exists: true; readonly records: readonly NameRecord[] }
  | { readonly kind: 'answer'; readonly exists: boolean; readonly records: readonly []; readonly negative: string }
  /** Nothing that is answered by anybody here: another class, or a transfer of a zone. */
  | { readonly kind: 'refuse' }
  /** Somebody else's name. */
  | { readonly kind: 'forward' };

export interface NameZoneOptions {
  /** Labels of the domain, in lower case. */
  readonly domain: readonly string[];
  /** Of addresses whose names are answered here, and asked of nobody else: those of pods and nodes, and those of services. */
  readonly reversePrefixes: readonly Prefix[];
  /** Of this node: it answers. */
  readonly nodeName: string;
}

export class NameZone {
  readonly #options: NameZoneOptions;
  readonly #domain: string;

  constructor(options: NameZoneOptions) {
    this.#options = options;
    this.#domain = options.domain.join('.');
  }

  /** The server that answers, as SOA and NS name it. */
  get server(): string {
    return `${this.#options.nodeName}.${NODE_LABEL}.${this.#domain}`;
  }

  /** Whom to write to, as SOA names it: nobody reads it, but the field must be there. */
  get mailbox(): string {
    return `hostmaster.${this.#domain}`;
  }

  /** What to say to `question`. */
  decide({ labels, type, class: questionClass }: NameQuestion, table: NameTable): NameDecision {
    if (questionClass !== CLASS_IN || type === RecordType.axfr || type === RecordType.ixfr) return { kind: 'refuse' };
    const { domain, reversePrefixes } = this.#options;
    const asked = labels.map(lowerCase);
    const within = labelsBefore(asked, domain);
    if (within !== undefined) return this.#ofDomain(within, type, table);
    const reverse = parseReverseName(asked, reversePrefixes);
    if (reverse === undefined) return { kind: 'forward' };
    const zone = reverse.zone.join('.');
    if (asked.length === reverse.zone.length && reverse.address === undefined) return this.#ofApex(zone, type);
    const holder = reverse.address && table.holderAt(reverse.address);
    if (holder !== undefined) {
      const isAsked = type === RecordType.ptr || type === RecordType.any;
      return answered(isAsked ? [{ type: 'PTR', name: `${holder.name}.${this.#domain}` }] : [], zone);
    }
    // What lies below the name of a prefix is not looked for: that there is nothing with this name itself is true in any case.
    return nothing(reverse.isName && reverse.address === undefined, zone);
  }

  #ofDomain(labels: readonly string[], type: number, table: NameTable): NameDecision {
    if (labels.length === 0) return this.#ofApex(this.#domain, type);
    const holder = table.holderOf(labels);
    if (holder !== undefined) return answered(addressRecords(holder, type), this.#domain);
    return nothing(table.hasBelow(labels), this.#domain);
  }

  #ofApex(zone: string, type: number): NameDecision {
    const records: NameRecord[] = [
      ...(type === RecordType.soa || type === RecordType.any ? [{ type: 'SOA' } as const] : []),
      ...(type === RecordType.ns || type === RecordType.any ? [{ type: 'NS', name: this.server } as const] : []),
    ];
    return answered(records, zone);
  }
}

function addressRecords({ addresses }: NameHolder, type: number): NameRecord[] {
  return addresses.flatMap((address): NameRecord[] => {
    const own = address.family === 4 ? RecordType.a : RecordType.aaaa;
    if (type !== own && type !== RecordType.any) return [];
    return [{ type: address.family === 4 ? 'A' : 'AAAA', address: formatIpAddress(address) }];
  });
}

/** The name exists, with or without records of the type that was asked. */
function answered(records: readonly NameRecord[], zone: string): NameDecision {
  return records.length > 0 ? { kind: 'answer', exists: true, records } : nothing(true, zone);
}

function nothing(exists: boolean, zone: string): NameDecision {
  return { kind: 'answer', exists, records: [], negative: zone };
}
