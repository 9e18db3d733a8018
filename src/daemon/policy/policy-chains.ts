/**
 * What judges one direction of pods, as chains of nftables. Whoever is allowed returns to where the chain was jumped to.
 *
 *     admin ── pass ──> namespace ──> isolated: deny-X
 *       │                   └─ pass, or nothing isolates ──> baseline ──> undecided: allowed, unless it is an answer that is denied
 *       └─ allow: return; deny: deny-RULE; as in the other tiers
 *
 * Without a rule that passes, all of it is one chain.
 *
 * A rule that allows, or passes on, counts connections: the first packet of each alone, whose entry the kernel confirms behind all hooks. What
 * answers a connection that is not known is no other one, and counts for none.
 */
import type { NftChainContent, NftSetContent } from '../../linux/nft-table-content.ts';
import type { NftTablePiece } from '../../linux/nft-table-pieces.ts';
import type { IsolationPlan, PlannedRule } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import type { Direction, Tier } from '../../policy/policy.ts';
import { ruleMatches, type Way } from './policy-matches.ts';
import {
  ASK_CHAIN,
  backChainOf,
  chainOf,
  POLICY_LOG_GROUP,
  POLICY_LOG_PREFIX,
  tagChain,
  tagOfIsolation,
  tagOfRule,
} from './policy-names.ts';

/** What a kernel can do. */
export interface PolicyMeans {
  /** Without: nobody is told what is denied, but for counts. */
  readonly withLog: boolean;
}

/** Packets of one rule that are told: a flood is no reason to forget the other rules. */
const TOLD_PER_SECOND = 100;

/**
 * Packets of one source that are told, of all rules together: who sends without end what is denied leaves room for what is denied to others.
 * Not of policies in audit mode, which drop nothing.
 */
const TOLD_OF_SOURCE = 'limit rate over 20/second burst 40 packets';

/** Chain that drops what comes from a source of which enough is told. */
const ENOUGH_CHAIN = 'told-enough';

/** Sources of which something was told a moment ago. When a set is full, a source that is not in it is bounded by its rule alone. */
const toldSources = (type: string): NftSetContent => ({
  type,
  details: 'size 4096; flags dynamic,timeout; timeout 10s;',
});

/** Bytes of a packet that are told: headers, and extension headers of IPv6. */
export const TOLD_BYTES = 256;

/** A TCP segment that begins a connection (RFC 9293, section 3.5), and any other. */
const BEGINS = 'tcp flags & (fin | syn | rst | ack) == syn';
const BEGINS_NOTHING = 'tcp flags & (fin | syn | rst | ack) != syn';

/** A packet that begins what the kernel does not know yet: as long as nobody answers, those behind it are `new`, too. */
const IS_FIRST = 'ct status & confirmed == 0';

/** Matches devices of pods that the other direction isolates, too. */
const otherIsolates = { ingress: 'oifname @else-to', egress: 'iifname @else-from' } as const;

/** Chains of one isolation, and counters of its rules. */
export function isolationPiece(state: PlanState, isolation: IsolationPlan, means: PolicyMeans): NftTablePiece {
  const { direction, key, rules } = isolation;
  const denying = [
    ...rules.filter(({ action }) => action === 'deny').map((rule) => [tagOfRule(rule), rule.isAudit] as const),
    ...(isolation.isolatedBy.length > 0 ? [[tagOfIsolation(isolation), isolation.isAudit] as const] : []),
  ];
  return {
    counters: [...new Set([...rules.map(tagOfRule), ...denying.map(([tag]) => tag)])],
    sets: {},
    chains: Object.fromEntries([
      ...tierChains(state, isolation, chainOf(direction, key), 'forth'),
      ...tierChains(state, isolation, backChainOf(direction, key), 'back'),
      ...rules
        .filter(({ action }) => action === 'allow')
        .map(tagOfRule)
        .map(allowChain),
      ...denying.flatMap(([tag, isAudit]) => denialChains(tag, isAudit, direction, means)),
    ]),
  };
}

/** At its end, it goes on where the chain that judges was jumped to. */
function allowChain(tag: string): readonly [string, NftChainContent] {
  return [tagChain.allow(tag), { rules: [countingRule(tag)] }];
}

function countingRule(tag: string): string {
  return `${IS_FIRST} counter name ${tag}`;
}

function denialChains(
  tag: string,
  isAudit: boolean,
  direction: Direction,
  means: PolicyMeans,
): readonly (readonly [string, NftChainContent])[] {
  if (isAudit) return [[tagChain.tell(tag), { rules: [countedRule(tag), ...toldRules(tag, means)] }]];
  const other = `${BEGINS_NOTHING} ${otherIsolates[direction]} goto ${ASK_CHAIN}`;
  return [
    [tagChain.deny(tag), { rules: [other, `goto ${tagChain.drop(tag)}`] }],
    [tagChain.drop(tag), { rules: droppingRules(tag, means) }],
  ];
}

/** Counts, tells and drops. */
export function droppingRules(tag: string, means: PolicyMeans): string[] {
  const telling = means.withLog ? [`jump ${ENOUGH_CHAIN}`, ...toldRules(tag, means)] : [];
  return [countedRule(tag), ...telling, 'drop'];
}

/** What {@link droppingRules} ask, whatever the tag. */
export function toldPiece({ withLog }: PolicyMeans): Pick<NftTablePiece, 'sets' | 'chains'> {
  if (!withLog) return { sets: {}, chains: {} };
  const rules = ['told4 { ip', 'told6 { ip6'].map((source) => `update @${source} saddr ${TOLD_OF_SOURCE} } drop`);
  return {
    sets: { told4: toldSources('ipv4_addr'), told6: toldSources('ipv6_addr') },
    chains: { [ENOUGH_CHAIN]: { rules } },
  };
}

function countedRule(tag: string): string {
  return `counter name ${tag}`;
}

/** A rule that matches no more, as too much was told already, ends there: what follows is one of its own. */
function toldRules(tag: string, { withLog }: PolicyMeans): string[] {
  const log = `log prefix "${POLICY_LOG_PREFIX}${tag}" group ${POLICY_LOG_GROUP} snaplen ${TOLD_BYTES}`;
  return withLog ? [`limit rate ${TOLD_PER_SECOND}/second burst ${TOLD_PER_SECOND} packets ${log}`] : [];
}

/** A tier, or what comes behind all of them: lines, and rules behind those. */
interface Section {
  readonly name: Tier | 'end';
  readonly before: readonly string[];
  readonly rules: readonly PlannedRule[];
}

function tierChains(
  state: PlanState,
  isolation: IsolationPlan,
  name: string,
  way: Way,
): readonly (readonly [string, NftChainContent])[] {
  const sections = sectionsOf(isolation, way);
  const chains: { readonly name: string; rules: string[] }[] = [{ name, rules: [] }];
  const passing: { readonly name: string; rules: string[] }[] = [];
  for (const [index, { before, rules }] of sections.entries()) {
    const next = sections[index + 1];
    const beyond = next === undefined ? 'return' : `goto ${name}-${next.name}`;
    const chain = chains.at(-1)!;
    const passed = way === 'forth' ? rules.filter(({ action }) => action === 'pass').map(tagOfRule) : [];
    for (const tag of passed) passing.push({ name: passChain(name, tag), rules: [countingRule(tag), beyond] });
    const lines = rules.flatMap((rule) =>
      ruleLines(
        state,
        rule,
        isolation,
        way,
        way === 'forth' && rule.action === 'pass' ? `goto ${passChain(name, tagOfRule(rule))}` : beyond,
      ),
    );
    // No `push` of all of them: more arguments than the stack has room for are an error.
    chain.rules = [...chain.rules, ...before, ...lines];
    if (next === undefined || rules.every(({ action }) => action !== 'pass')) continue;
    chain.rules.push(beyond);
    chains.push({ name: `${name}-${next.name}`, rules: [] });
  }
  return [...chains, ...passing].map((chain) => [chain.name, { rules: chain.rules }]);
}

function sectionsOf(isolation: IsolationPlan, way: Way): Section[] {
  const { isolatedBy, rules } = isolation;
  const of = (name: Tier, before: readonly string[]): Section => {
    return { name, before, rules: rules.filter(({ tier }) => tier === name) };
  };
  const tag = tagOfIsolation(isolation);
  const sections = [
    of('admin', way === 'forth' ? [] : ['meta l4proto != tcp return', `${BEGINS} return`]),
    of('namespace', []),
  ];
  if (isolates(isolation)) return [...sections, { name: 'end', before: [`goto ${deniedChain(tag, way)}`], rules: [] }];
  const asked = [...sections, of('baseline', isolatedBy.length > 0 ? [`jump ${tagChain.tell(tag)}`] : [])];
  // What nothing decides is asked of the other direction, too: there it may be an answer that is denied.
  const end = [`${BEGINS_NOTHING} goto ${ASK_CHAIN}`];
  return way === 'forth' ? [...asked, { name: 'end', before: end, rules: [] }] : asked;
}

/** What counts whom a rule passes on, and goes on behind its tier. @param name of the chain that judges */
function passChain(name: string, tag: string): string {
  return `${name}-${tag}`;
}

/** @param passing what becomes of whom it passes on. */
function ruleLines(
  state: PlanState,
  rule: PlannedRule,
  { direction }: IsolationPlan,
  way: Way,
  passing: string,
): string[] {
  const tag = tagOfRule(rule);
  const denial = rule.isAudit ? `jump ${tagChain.tell(tag)}` : `goto ${deniedChain(tag, way)}`;
  const allowing = way === 'forth' ? `goto ${tagChain.allow(tag)}` : 'return';
  const verdict = { allow: allowing, pass: passing, deny: denial }[rule.action];
  return ruleMatches(state, rule, { direction, way }).map((match) => (match === '' ? verdict : `${match} ${verdict}`));
}

/** Back, both directions were asked. */
function deniedChain(tag: string, way: Way): string {
  return way === 'forth' ? tagChain.deny(tag) : tagChain.drop(tag);
}
