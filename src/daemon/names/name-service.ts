/**
 * One question after the other, whichever socket it came by: who asks, how often, and what is said.
 *
 *     socket ──> asker ──> rate ──> message ──> zone ──┬──> answer
 *                                                      └──> resolver ──> answer
 */
import type { Answer } from 'dns-packet';
import type { NameOutcome } from '../../api/names-api.ts';
import { ResponseCode } from '../../names/name-question.ts';
import type { NameTable } from '../../names/name-table.ts';
import type { NameDecision, NameRecord, NameZone } from '../../names/name-zone.ts';
import type { QuestionRates } from '../../names/question-rates.ts';
import {
  type DnsQuery,
  encodeReply,
  isTruncated,
  MAX_MESSAGE_BYTES,
  parseQuery,
  passedOn,
  replyLimitOf,
} from './dns-message.ts';
import type { Forwarder, ForwardResult } from './forwarder.ts';
import type { NameCounters } from './name-counters.ts';

/** What may be known to be all that there is: names of pods and nodes, or of services. */
export type SettledNames = 'pods' | 'services';

export interface NameServiceOptions {
  readonly zone: NameZone;
  readonly table: NameTable;
  readonly forwarder: Pick<Forwarder, 'ask'>;
  readonly rates: Pick<QuestionRates, 'allows'>;
  readonly counters: NameCounters;
  /** Whether the table has all that there is of a kind: as long as it has not, that a name is not in it says nothing. */
  readonly isSettled: (kind: SettledNames) => boolean;
  /** Whether a name is one of services, whoever has it. */
  readonly isOfServices: (labels: readonly string[]) => boolean;
  /** How long an answer holds. */
  readonly ttlSeconds: number;
  readonly nowMs: () => number;
}

/** By what a question came. */
export type Transport = 'udp' | 'tcp';

/** Serial numbers of zones have 32 bits (RFC 1982). */
const SERIALS = 2 ** 32;

/** Of SOA, for secondary servers that there are none of (RFC 1035, section 3.3.13): what others use. */
const SOA_SECONDS = { refresh: 7_200, retry: 1_800, expire: 86_400 } as const;

const failed: Readonly<Record<Exclude<ForwardResult['kind'], 'answer'>, NameOutcome>> = {
  unanswered: 'unanswered',
  'no-resolver': 'no-resolver',
  busy: 'busy',
};

export class NameService {
  readonly #options: NameServiceOptions;

  constructor(options: NameServiceOptions) {
    this.#options = options;
  }

  /**
   * Answers, or not: `answer` is called at most once, now or later, with `undefined` if there is nothing to say.
   *
   * @param asker as `Askers.find` names it; `undefined`: a stranger.
   */
  handle(
    bytes: Uint8Array,
    asker: string | undefined,
    transport: Transport,
    answer: (reply: Uint8Array | undefined) => void,
  ): void {
    const { counters, rates, nowMs } = this.#options;
    const silent = (outcome: NameOutcome): void => {
      counters.question(outcome);
      answer(undefined);
    };
    if (transport === 'tcp') counters.other('overTcp');
    if (asker === undefined) return silent('stranger');
    if (!rates.allows(asker, nowMs())) return silent('rate-limited');
    const received = parseQuery(bytes);
    if (received.kind === 'ignored') return silent('malformed');
    if (received.kind === 'error') {
      counters.question('malformed');
      return answer(received.reply);
    }
    this.#answer(received.query, asker, transport, answer);
  }

  #answer(query: DnsQuery, asker: string, transport: Transport, answer: (reply: Uint8Array) => void): void {
    const { zone, table, forwarder, counters, isSettled, isOfServices } = this.#options;
    const decision = zone.decide(query.question, table);
    if (decision.kind === 'refuse') {
      counters.question('refused');
      return answer(encodeReply(query, { code: ResponseCode.refused }));
    }
    if (
      decision.kind === 'answer' &&
      !decision.exists &&
      !isSettled(isOfServices(query.question.labels) ? 'services' : 'pods')
    ) {
      // The client asks again, or somebody else: a denial would hold.
      counters.question('not-yet');
      return answer(encodeReply(query, { code: ResponseCode.servFail }));
    }
    if (decision.kind === 'answer') {
      counters.question(outcomeOf(decision));
      const mostBytes = transport === 'udp' ? replyLimitOf(query) : MAX_MESSAGE_BYTES;
      return answer(this.#counted(this.#encode(query, decision, mostBytes)));
    }
    forwarder.ask(query, asker, transport === 'tcp', (result) => {
      if (result.kind !== 'answer') {
        counters.question(failed[result.kind]);
        return answer(encodeReply(query, { code: ResponseCode.servFail }));
      }
      counters.question('forwarded');
      const mostBytes = transport === 'udp' ? replyLimitOf(query, MAX_MESSAGE_BYTES) : MAX_MESSAGE_BYTES;
      answer(this.#counted(passedOn(result.bytes, query, mostBytes)));
    });
  }

  #encode(query: DnsQuery, decision: NameDecision & { kind: 'answer' }, mostBytes: number): Uint8Array {
    const name = query.question.labels.join('.');
    const code = decision.exists ? ResponseCode.noError : ResponseCode.nxDomain;
    const answers = decision.records.map((record) => this.#record(name, record));
    const authorities = 'negative' in decision ? [this.#soa(decision.negative)] : [];
    return encodeReply(query, { code, authoritative: true, answers, authorities }, mostBytes);
  }

  #record(name: string, record: NameRecord): Answer {
    const ttl = this.#options.ttlSeconds;
    if (record.type === 'SOA') return this.#soa(name);
    return { name, type: record.type, ttl, data: 'address' in record ? record.address : record.name };
  }

  /** Its `minimum` is how long a negative answer holds (RFC 2308, section 4). */
  #soa(name: string): Answer {
    const { zone, table, ttlSeconds: ttl } = this.#options;
    const { server: mname, mailbox: rname } = zone;
    const data = { mname, rname, serial: table.changes % SERIALS, ...SOA_SECONDS, minimum: ttl };
    return { name, type: 'SOA', ttl, data };
  }

  #counted(reply: Uint8Array): Uint8Array {
    if (isTruncated(reply)) this.#options.counters.other('truncated');
    return reply;
  }
}

function outcomeOf(decision: NameDecision & { kind: 'answer' }): NameOutcome {
  if (!decision.exists) return 'no-name';
  return decision.records.length > 0 ? 'answered' : 'no-data';
}
