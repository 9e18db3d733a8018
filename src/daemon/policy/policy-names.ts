/**
 * What things are called in the table of policies. Names of what belongs to a rule, an isolation or a set are digests, since theirs may
 * be longer than the kernel takes, and have any letters: the next daemon makes the same ones, and who reads a log or a counter needs
 * no more than the names of the rules.
 */
import { createHash } from 'node:crypto';
import type { IsolationPlan, PlannedRule } from '../../policy/node-plan.ts';
import type { Direction } from '../../policy/policy.ts';

/** Of connections that are cut: one bit of 32, which nobody else is known to use. It means something in our table alone. */
export const CUT_MARK = 0x10_00_00_00;

/**
 * Of the mark of packets, within our table: the other direction of the pod is to be asked. The first chain clears it before and after, so it is
 * lost where somebody else has set it.
 */
export const ASK_MARK = 0x10_00_00_00;

/** Chain that sets {@link ASK_MARK}. */
export const ASK_CHAIN = 'ask';

/** Group of NFLOG (nfnetlink_log) that is told what is denied, or would be. */
export const POLICY_LOG_GROUP = 4_789;

/** Before the tag in what NFLOG tells: `weft-policy r0123456789abcdef`. */
export const POLICY_LOG_PREFIX = 'weft-policy ';

/** What NFLOG and the counter say of packets of connections that were cut. */
export const CUT_TAG = 'cut';

/** The same of pods that are isolated because nothing is known of them. */
export const HELD_TAG = 'held';

/** Digits of a digest: nobody can name a policy so that it is taken for another one. */
const DIGITS = 16;

/** What its counter is called, and what NFLOG tells: nftables wants names that begin with a letter. */
export function tagOfRule({ name }: Pick<PlannedRule, 'name'>): string {
  return `r${digestOf('rule', name)}`;
}

/** The same of what no rule of an isolation decides. */
export function tagOfIsolation({ key }: Pick<IsolationPlan, 'key'>): string {
  return `i${digestOf('isolation', key)}`;
}

/** Chain that judges one direction. */
export function chainOf(direction: Direction, key: string): string {
  return `${directionWord[direction]}-${digestOf('isolation', key)}`;
}

/** Chain that judges answers of what began in that direction. */
export function backChainOf(direction: Direction, key: string): string {
  return `back-${chainOf(direction, key)}`;
}

/** Chains of what is allowed, of what is denied, and of what is told of it. */
export const tagChain = {
  allow: (tag: string) => `allow-${tag}`,
  deny: (tag: string) => `deny-${tag}`,
  drop: (tag: string) => `drop-${tag}`,
  tell: (tag: string) => `tell-${tag}`,
} as const;

/** Set of addresses of a family: single ones, or prefixes. */
export function peerSetName(kind: 'hosts' | 'blocks', family: 4 | 6, key: string): string {
  return `${kind}${family}-${digestOf('peers', key)}`;
}

/** Set of addresses of a family with protocols and ports. */
export function portSetName(family: 4 | 6, key: string): string {
  return `ports${family}-${digestOf('ports', key)}`;
}

const directionWord: Readonly<Record<Direction, string>> = { ingress: 'in', egress: 'out' };

function digestOf(kind: string, name: string): string {
  return createHash('sha256').update(`${kind} ${name}`).digest('hex').slice(0, DIGITS);
}
