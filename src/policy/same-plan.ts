/** Whether parts of a plan say the same. */
import { compareIpAddresses } from '../wire/address.ts';
import { comparePrefixes } from '../wire/prefix.ts';
import type { IsolationPlan, PeerSet, PortSet } from './node-plan.ts';
import { compareTexts } from './policy.ts';

type PortElement = PortSet['elements'][number];

export function isSameIsolation(a: IsolationPlan, b: IsolationPlan): boolean {
  return (
    a.isAudit === b.isAudit &&
    isSameContent(a.isolatedBy, b.isolatedBy) &&
    a.rules.length === b.rules.length &&
    a.rules.every((rule, at) => rule === b.rules[at] || isSameContent(rule, b.rules[at]))
  );
}

export function isSamePeerSet({ prefixes: a }: PeerSet, { prefixes: b }: PeerSet): boolean {
  return a.length === b.length && a.every((prefix, at) => prefix === b[at] || comparePrefixes(prefix, b[at]!) === 0);
}

export function isSamePortSet({ elements: a }: PortSet, { elements: b }: PortSet): boolean {
  return a.length === b.length && a.every((element, at) => comparePortElements(element, b[at]!) === 0);
}

/** Order of what port sets are made of. For `Array.sort`. */
export function comparePortElements(a: PortElement, b: PortElement): number {
  return compareIpAddresses(a.address, b.address) || compareTexts(a.protocol, b.protocol) || a.port - b.port;
}

/** Of whatever small. Two that say the same in another order may count as different. */
export function isSameContent(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
