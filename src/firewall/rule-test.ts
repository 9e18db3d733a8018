/** Whether a rule's test holds for a packet, as far as that can be told. */
import type { FilteredPacket } from './filtered-packet.ts';
import { readField, type Subject } from './field.ts';
import { type Answer, compareValues, matchAny, not, type Value } from './pattern.ts';
import type { Test } from './ruleset.ts';

/** Whether the test holds. Where the packet has no such field, it does not, whatever it asks. */
export function decideTest({ subjects, operator, patterns }: Test, packet: FilteredPacket): Answer {
  const values = readSubjects(subjects, packet);
  if (values === null) return false;
  if (operator === 'in') return matchAny(patterns(), values);
  if (operator === 'not-in') return not(matchAny(patterns(), values));
  if (operator === 'any-bit') return hasBit(values[0], bitsOf(patterns));
  if (operator === 'no-bit') return not(hasBit(values[0], bitsOf(patterns)));
  return compare(operator, values[0], patterns);
}

/** Values of several fields that are looked up together, or `null` if the packet lacks one of them. */
export function readSubjects(
  subjects: readonly Subject[],
  packet: FilteredPacket,
): readonly (Value | undefined)[] | null {
  const readings = subjects.map((subject) => readField(subject, packet));
  return readings.includes(null) ? null : (readings as (Value | undefined)[]);
}

function bitsOf(patterns: Test['patterns']): number | undefined {
  let bits = 0;
  for (const pattern of patterns()) {
    if (pattern.kind !== 'is' || typeof pattern.value !== 'number') return undefined;
    bits |= pattern.value;
  }
  return bits;
}

function hasBit(value: Value | undefined, bits: number | undefined): Answer {
  return typeof value !== 'number' || bits === undefined ? undefined : (value & bits) !== 0;
}

function compare(operator: '<' | '>' | '<=' | '>=', value: Value | undefined, patterns: Test['patterns']): Answer {
  const [pattern] = patterns();
  if (value === undefined || pattern?.kind !== 'is') return undefined;
  const order = compareValues(value, pattern.value);
  if (order === undefined) return undefined;
  return { '<': order < 0, '>': order > 0, '<=': order <= 0, '>=': order >= 0 }[operator];
}
