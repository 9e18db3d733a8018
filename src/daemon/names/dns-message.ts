/**
 * Messages of DNS from and to strangers: the one door to the codec, which is `dns-packet`.
 *
 * What comes in is measured before it is decoded: its length, and how many records it says to have. The question is read here, as octets:
 * answers repeat it as it was asked, and a codec that makes text of it would not. What is passed on to a resolver, and what comes from
 * it, goes through as it is (RFC 5625, section 4), but for its id.
 *
 *     0      2       4         6         8         10        12
 *     | id   | flags | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT | question ...   (RFC 1035, section 4.1)
 */
import { type Answer, decode, encode, type OptAnswer } from 'dns-packet';
import { MAX_LABEL_OCTETS } from '../../names/domain-name.ts';
import { type NameQuestion, ResponseCode } from '../../names/name-question.ts';
import { readU16, writeU16 } from '../../wire/octets.ts';

/** Size of the header, in bytes. */
export const DNS_HEADER_BYTES = 12;

/** Largest question that is read, in bytes: one name, and EDNS with its options, are far below. */
export const MAX_QUERY_BYTES = 4_096;

/** Largest message: its length on TCP has 16 bits. */
export const MAX_MESSAGE_BYTES = 65_535;

/** What a client takes over UDP if it says nothing (RFC 1035, section 2.3.4). */
const PLAIN_UDP_BYTES = 512;

/** Largest answer of ours over UDP, in bytes: it fits into any IPv6 packet unfragmented, and so through every overlay. */
const MAX_UDP_BYTES = 1_232;

/** Records after the question: EDNS, and a signature of the message (RFC 8945). */
const MAX_ADDITIONALS = 2;

/** Longest name on the wire, in bytes (RFC 1035, section 3.1). */
const MAX_WIRE_NAME_BYTES = 255;

const Offset = { id: 0, flags: 2, questions: 4, answers: 6, authorities: 8, additionals: 10 } as const;

const Flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
} as const;

const OPCODE_SHIFT = 11;

/** A question that can be answered. */
export interface DnsQuery {
  /** The message as it came. */
  readonly bytes: Uint8Array;
  readonly question: NameQuestion;
  /** Where the question ends in it. */
  readonly questionEnd: number;
  /** `undefined`: the client speaks no EDNS. */
  readonly edns: { readonly payloadBytes: number; readonly version: number; readonly dnssecOk: boolean } | undefined;
}

/** What came in. */
export type ReceivedQuery =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  /** Answered by its code alone: `reply` is that. */
  | { readonly kind: 'error'; readonly code: number; readonly reply: Uint8Array }
  /** Too short to be answered, or itself an answer: two servers that answer each other would never end. */
  | { readonly kind: 'ignored' };

/** Reads what somebody sent. Never throws. */
export function parseQuery(bytes: Uint8Array): ReceivedQuery {
  if (bytes.length < DNS_HEADER_BYTES || (readU16(bytes, Offset.flags) & Flag.response) !== 0)
    return { kind: 'ignored' };
  const fail = (code: number): ReceivedQuery => ({ kind: 'error', code, reply: bareReply(bytes, code) });
  if (((readU16(bytes, Offset.flags) >> OPCODE_SHIFT) & 0xf) !== 0) return fail(ResponseCode.notImp);
  const isUsual =
    bytes.length <= MAX_QUERY_BYTES &&
    readU16(bytes, Offset.questions) === 1 &&
    readU16(bytes, Offset.answers) === 0 &&
    readU16(bytes, Offset.authorities) === 0 &&
    readU16(bytes, Offset.additionals) <= MAX_ADDITIONALS;
  const read = isUsual ? readQuestion(bytes) : undefined;
  if (read === undefined) return fail(ResponseCode.formErr);
  const edns = readEdns(bytes);
  if (edns === 'wrong') return fail(ResponseCode.formErr);
  const query: DnsQuery = { bytes, ...read, edns };
  // Whatever is asked: of a later version nothing is known (RFC 6891, section 6.1.3).
  if (edns !== undefined && edns.version > 0)
    return { kind: 'error', code: ResponseCode.badVers, reply: encodeReply(query, { code: ResponseCode.badVers }) };
  return { kind: 'query', query };
}

/** What an answer says. */
export interface DnsReply {
  readonly code: number;
  /** Whether it is about a name of our own. */
  readonly authoritative?: boolean;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
}

/**
 * Bytes of an answer to `query`.
 *
 * @param mostBytes that the client takes; `truncated` in the header says that there was more.
 */
export function encodeReply(query: DnsQuery, reply: DnsReply, mostBytes = MAX_MESSAGE_BYTES): Uint8Array {
  const { code, authoritative = false, answers = [], authorities = [] } = reply;
  const base = flagsOf(query.bytes) | (authoritative ? Flag.authoritative : 0) | (code & 0xf);
  const additionals = query.edns === undefined ? [] : [ednsRecord(code, query.edns.dnssecOk)];
  const whole = withQuestion(query, base, { answers, authorities, additionals });
  if (whole.length <= mostBytes) return whole;
  return withQuestion(query, base | Flag.truncated, { answers: [], authorities: [], additionals });
}

/** Most that an answer over UDP may have, in bytes: what the client takes, or what we send. */
export function replyLimitOf({ edns }: DnsQuery, ours = MAX_UDP_BYTES): number {
  return Math.min(Math.max(edns?.payloadBytes ?? 0, PLAIN_UDP_BYTES), ours);
}

/** A copy of a message with another id. */
export function withId(bytes: Uint8Array, id: number): Uint8Array {
  // Not slice(), which of a Buffer is no copy.
  const copy = Uint8Array.from(bytes);
  writeU16(copy, Offset.id, id);
  return copy;
}

/** The id of a message. */
export function idOf(bytes: Uint8Array): number {
  return readU16(bytes, Offset.id);
}

/** The code in the header of an answer. */
export function codeOf(bytes: Uint8Array): number {
  return readU16(bytes, Offset.flags) & 0xf;
}

/** Whether an answer says that there is more than was sent. */
export function isTruncated(bytes: Uint8Array): boolean {
  return (readU16(bytes, Offset.flags) & Flag.truncated) !== 0;
}

/**
 * Whether `bytes` answers `query`, which was sent under `id`: it has the id, says that it is an answer, and repeats the question. One that does not
 * understand EDNS may answer without a question (RFC 6891, section 7).
 */
export function answers(bytes: Uint8Array, { bytes: asked, questionEnd }: DnsQuery, id: number): boolean {
  if (bytes.length < DNS_HEADER_BYTES || bytes.length > MAX_MESSAGE_BYTES || idOf(bytes) !== id) return false;
  const flags = readU16(bytes, Offset.flags);
  if ((flags & Flag.response) === 0 || ((flags >> OPCODE_SHIFT) & 0xf) !== 0) return false;
  const questions = readU16(bytes, Offset.questions);
  if (questions === 0) return codeOf(bytes) === ResponseCode.formErr || codeOf(bytes) === ResponseCode.notImp;
  if (questions !== 1 || bytes.length < questionEnd) return false;
  const [nameEnd, caseBit] = [questionEnd - 4, 0x20];
  for (let at = DNS_HEADER_BYTES; at < questionEnd; at++) {
    const [one, other] = [bytes[at]!, asked[at]!];
    if (one === other) continue;
    // Lengths of labels are below the letters.
    const isLetter = at < nameEnd && (one | caseBit) >= 0x61 && (one | caseBit) <= 0x7a;
    if (!isLetter || (one | caseBit) !== (other | caseBit)) return false;
  }
  return true;
}

/** The answer of a resolver as the client is to have it: its id, its question as it was asked, and no more than it takes. */
export function passedOn(answer: Uint8Array, { bytes: asked, questionEnd }: DnsQuery, mostBytes: number): Uint8Array {
  const isWhole = answer.length <= mostBytes;
  const hasQuestion = readU16(answer, Offset.questions) === 1;
  const kept = Uint8Array.from(isWhole ? answer : answer.subarray(0, hasQuestion ? questionEnd : DNS_HEADER_BYTES));
  writeU16(kept, Offset.id, idOf(asked));
  if (hasQuestion) kept.set(asked.subarray(DNS_HEADER_BYTES, questionEnd), DNS_HEADER_BYTES);
  if (isWhole) return kept;
  writeU16(kept, Offset.flags, readU16(kept, Offset.flags) | Flag.truncated);
  for (const count of [Offset.answers, Offset.authorities, Offset.additionals]) writeU16(kept, count, 0);
  return kept;
}

/** The question, and where it ends; `undefined` if it is none. A name here has no pointer: there is nothing before it. */
function readQuestion(bytes: Uint8Array): Pick<DnsQuery, 'question' | 'questionEnd'> | undefined {
  const labels: string[] = [];
  let at = DNS_HEADER_BYTES;
  for (;;) {
    const length = bytes[at++];
    if (length === undefined || length > MAX_LABEL_OCTETS || at + length > bytes.length) return undefined;
    if (length === 0) break;
    labels.push(String.fromCharCode(...bytes.subarray(at, at + length)));
    at += length;
    if (at - DNS_HEADER_BYTES >= MAX_WIRE_NAME_BYTES) return undefined;
  }
  if (at + 4 > bytes.length) return undefined;
  return { question: { labels, type: readU16(bytes, at), class: readU16(bytes, at + 2) }, questionEnd: at + 4 };
}

/** What it says of EDNS; `wrong`: it cannot be decoded, or says so twice, or for a name (RFC 6891, section 6.1.1). */
function readEdns(bytes: Uint8Array): DnsQuery['edns'] | 'wrong' {
  if (readU16(bytes, Offset.additionals) === 0) return undefined;
  let records: readonly Answer[];
  try {
    records = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).additionals ?? [];
  } catch {
    return 'wrong';
  }
  const found = records.filter((record): record is OptAnswer => record.type === 'OPT');
  const [edns] = found;
  if (edns === undefined) return undefined;
  // The types promise the root; the sender does not.
  if (found.length > 1 || edns.name !== '.') return 'wrong';
  return { payloadBytes: edns.udpPayloadSize, version: edns.ednsVersion, dnssecOk: edns.flag_do };
}

/** DO is repeated (RFC 3225, section 3). */
function ednsRecord(code: number, dnssecOk: boolean): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_UDP_BYTES,
    extendedRcode: code >> 4,
    ednsVersion: 0,
    flags: dnssecOk ? 0x8000 : 0,
    flag_do: dnssecOk,
    options: [],
  };
}

interface Sections {
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** The codec does not compress, so what it writes may stand anywhere: the question is put between header and records. */
function withQuestion({ bytes, questionEnd }: DnsQuery, flags: number, sections: Sections): Uint8Array {
  const { answers: found, authorities, additionals } = sections;
  const encoded = encode({
    type: 'response',
    id: idOf(bytes),
    flags,
    questions: [],
    answers: [...found],
    authorities: [...authorities],
    additionals: [...additionals],
  });
  const question = bytes.subarray(DNS_HEADER_BYTES, questionEnd);
  const whole = new Uint8Array(encoded.length + question.length);
  whole.set(encoded.subarray(0, DNS_HEADER_BYTES));
  whole.set(question, DNS_HEADER_BYTES);
  whole.set(encoded.subarray(DNS_HEADER_BYTES), DNS_HEADER_BYTES + question.length);
  writeU16(whole, Offset.questions, 1);
  return whole;
}

/** A header alone. */
function bareReply(bytes: Uint8Array, code: number): Uint8Array {
  const reply = new Uint8Array(DNS_HEADER_BYTES);
  writeU16(reply, Offset.id, idOf(bytes));
  writeU16(reply, Offset.flags, Flag.response | (readU16(bytes, Offset.flags) & (0xf << OPCODE_SHIFT)) | code);
  return reply;
}

/** What an answer repeats of the question's flags, and what it says of this server. */
function flagsOf(bytes: Uint8Array): number {
  const repeated = readU16(bytes, Offset.flags) & (Flag.recursionDesired | Flag.checkingDisabled);
  return Flag.response | Flag.recursionAvailable | repeated;
}
