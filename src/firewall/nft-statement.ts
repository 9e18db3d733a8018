/** Statements of nftables, as `nft -j` writes them. What is not listed here is a mystery: it may take the packet away. */
import { IpProtocol } from '../wire/ip.ts';
import { isField, type Field, NfProtocol, type Subject } from './field.ts';
import { readBits, readPattern, readPatterns } from './nft-value.ts';
import { once } from './once.ts';
import type { Pattern } from './pattern.ts';
import type { MapEntry, MarkValue, RuleVerdict, Statement, Test } from './ruleset.ts';
import { xtStatement } from './xt-statement.ts';

/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** What sets and maps of a table hold. */
export interface NamedElements {
  readonly set: (name: string) => readonly unknown[];
  readonly map: (name: string) => readonly unknown[];
}

/** Statements that change nothing that a rule could ask for here, or nothing at all. */
const neutral: readonly string[] = [
  'counter',
  'log',
  'comment',
  'flow',
  'last',
  'dup',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
];

const translations: readonly string[] = ['snat', 'dnat', 'masquerade', 'redirect'];

/** Conditions that are not looked into: rates, amounts, and sets that fill themselves. */
const doubts: readonly string[] = ['limit', 'quota', 'ct count', 'meter', 'set', 'map'];

/** @param json one element of the `expr` of a rule. */
export function readStatements(json: Json, named: NamedElements): Statement[] {
  const statement = readStatement(json, named);
  return 'reject' in json ? [...rejectTests(json['reject']), statement] : [statement];
}

function readStatement(json: Json, named: NamedElements): Statement {
  const [key = '', value] = Object.entries(json)[0] ?? [];
  if (neutral.includes(key)) return { kind: 'nothing' };
  if (translations.includes(key)) return { kind: 'translate' };
  if (doubts.includes(key)) return { kind: 'doubt' };
  if (key === 'match') return { kind: 'test', test: readTest(value as Json, named) };
  if (key === 'vmap') return readMap(value as Json, named);
  if (key === 'mangle') return readMangle(value as Json);
  if (key === 'notrack') return { kind: 'untrack' };
  if (key === 'xt') return xtStatement(value);
  const verdict = readVerdict(json);
  return verdict === undefined ? { kind: 'mystery' } : { kind: 'verdict', verdict };
}

/** A rule that rejects in the way of one family or protocol is for that one only: `nft` leaves out the match that says so. */
function rejectTests(json: unknown): Statement[] {
  const { type } = Object(json) as { readonly type?: unknown };
  const only = rejectedOnly[String(type)];
  if (only === undefined) return [];
  const { field, value } = only;
  const test: Test = { subjects: [{ field }], operator: 'in', patterns: () => [{ kind: 'is', value }] };
  return [{ kind: 'test', test }];
}

const rejectedOnly: Readonly<Record<string, { readonly field: Field; readonly value: number }>> = {
  icmp: { field: 'nfproto', value: NfProtocol.ipv4 },
  icmpv6: { field: 'nfproto', value: NfProtocol.ipv6 },
  'tcp reset': { field: 'l4proto', value: IpProtocol.tcp },
};

function readVerdict(json: Json): RuleVerdict | undefined {
  const [key = '', value] = Object.entries(json)[0] ?? [];
  if (key === 'accept' || key === 'drop' || key === 'reject' || key === 'return' || key === 'continue') {
    return { kind: key };
  }
  if (key === 'queue') return { kind: 'mystery' };
  if (key !== 'jump' && key !== 'goto') return undefined;
  const { target } = Object(value) as { readonly target?: unknown };
  return typeof target === 'string' ? { kind: key, chain: target } : undefined;
}

function readTest({ op, left, right }: Json, named: NamedElements): Test {
  const subjects = readSubjects(left);
  const operator = operators[String(op)];
  if (operator === undefined) return obscureTest;
  const [{ field }] = subjects as readonly [Subject];
  // Flags without a word between: any of them is enough.
  if (operator === 'any-bit' || operator === 'no-bit')
    return { subjects, operator, patterns: () => [bits(field, right)] };
  return { subjects, operator, patterns: once(() => elementsOf(subjects, right, named.set)) };
}

const operators: Readonly<Record<string, Test['operator']>> = {
  '==': 'in',
  '!=': 'not-in',
  in: 'any-bit',
  '!': 'no-bit',
  '<': '<',
  '>': '>',
  '<=': '<=',
  '>=': '>=',
};

const obscureTest: Test = { subjects: [{ field: 'obscure' }], operator: 'in', patterns: () => [] };

function bits(field: Field, json: unknown): Pattern {
  const value = readBits(field, json);
  return value === undefined ? { kind: 'obscure' } : { kind: 'is', value };
}

function elementsOf(
  subjects: readonly Subject[],
  json: unknown,
  elementsOfSet: NamedElements['set'],
): readonly Pattern[] {
  if (typeof json !== 'string' || !json.startsWith('@')) return readPatterns(subjects, json);
  return elementsOfSet(json.slice(1)).map((element) => readPattern(subjects, element));
}

function readMap({ key, data }: Json, named: NamedElements): Statement {
  const subjects = readSubjects(key);
  return {
    kind: 'map',
    subjects,
    entries: once(() => {
      const { set } = Object(data) as { readonly set?: unknown };
      const elements = typeof data === 'string' ? named.map(data.replace(/^@/, '')) : set;
      return Array.isArray(elements) ? elements.flatMap((element) => readEntry(subjects, element)) : [];
    }),
  };
}

function readEntry(subjects: readonly Subject[], element: unknown): MapEntry[] {
  if (!Array.isArray(element)) return [];
  const [key, value] = element as readonly unknown[];
  const verdict = readVerdict(Object(value) as Json) ?? { kind: 'mystery' };
  return [{ pattern: readPattern(subjects, key), verdict }];
}

/** What is on the left of a comparison: one field or several, at most one with a mask. */
function readSubjects(json: unknown): readonly Subject[] {
  const { concat } = Object(json) as { readonly concat?: unknown };
  return Array.isArray(concat) ? concat.map(readSubject) : [readSubject(json)];
}

function readSubject(json: unknown): Subject {
  const { '&': masked, ...rest } = Object(json) as Json;
  if (Array.isArray(masked)) {
    const { field } = readSubject(masked[0]);
    const mask = readBits(field, masked[1]);
    return mask === undefined ? { field: 'obscure' } : { field, mask };
  }
  const name = nameOf(rest);
  return { field: isField(name) ? name : 'obscure' };
}

/** The field in words of nftables: `ip saddr`, `iifname`. A device by its number is written by its name. */
function nameOf({ payload, meta, ct, fib }: Json): string {
  const [of, said, tracked, route] = [payload, meta, ct, fib].map((one) => Object(one) as Json) as [
    Json,
    Json,
    Json,
    Json,
  ];
  if (payload !== undefined) return `${String(of['protocol'])} ${String(of['field'])}`;
  if (meta !== undefined) return metaNames[String(said['key'])] ?? String(said['key']);
  if (ct !== undefined && tracked['dir'] === undefined) return `ct ${String(tracked['key'])}`;
  const flags = Array.isArray(route['flags']) ? route['flags'].join(' ') : '';
  if (route['result'] === 'type' && flags === 'daddr') return 'fib daddr type';
  // With the mark or without: which routing table a mark leads to, the caller knows.
  return route['result'] === 'oif' && /^saddr (mark )?iif$/.test(flags) ? 'fib saddr iif' : '';
}

const metaNames: Readonly<Record<string, string>> = { iif: 'iifname', oif: 'oifname', protocol: 'meta protocol' };

function readMangle({ key, value }: Json): Statement {
  const subject = readSubject(key);
  if (subject.field === 'mark' || subject.field === 'ct mark') {
    return { kind: 'mark', of: subject.field === 'mark' ? 'packet' : 'connection', value: readMark(value) };
  }
  const { payload } = Object(key) as { readonly payload?: { readonly field?: unknown } };
  const field = String(payload?.field);
  const isAddress = field === 'saddr' || field === 'daddr';
  if (isAddress || /^[sd]port$/.test(field)) return { kind: 'rewrite', field: isAddress ? 'addresses' : 'ports' };
  return { kind: 'nothing' };
}

/** A number, or a mark with bits that are kept, set or turned over. */
function readMark(json: unknown): MarkValue {
  if (typeof json === 'number') return { and: 0, xor: json, from: 'packet' };
  const [operator, operands] = Object.entries(Object(json) as Json)[0] ?? [];
  if (operator === 'meta' || operator === 'ct') {
    const { field } = readSubject(json);
    if (field !== 'mark' && field !== 'ct mark') return undefined;
    return { and: 0xffff_ffff, xor: 0, from: field === 'mark' ? 'packet' : 'connection' };
  }
  if (!Array.isArray(operands)) return undefined;
  const [left, right] = operands as readonly unknown[];
  const before = readMark(left);
  if (before === undefined || typeof right !== 'number') return undefined;
  const { and, xor, from } = before;
  if (operator === '&') return { and: (and & right) >>> 0, xor: (xor & right) >>> 0, from };
  if (operator === '|') return { and: (and & ~right) >>> 0, xor: (xor | right) >>> 0, from };
  return operator === '^' ? { and, xor: (xor ^ right) >>> 0, from } : undefined;
}
