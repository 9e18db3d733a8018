/**
 * What the firewall of a machine does with a packet: asked of its rules, without sending any.
 *
 * Chains of a hook see a packet in the order of their priorities. One that accepts it leaves it to the next one, one that drops it
 * ends it. What is not understood is never taken for letting it pass: then the verdict is `unknown`, and the rule is named.
 */
import { ChainWalk, type ChainEnd, type RulePlace } from './chain-walk.ts';
import { commonPacket, type FilteredPacket } from './filtered-packet.ts';
import type { Answer } from './pattern.ts';
import type { ChainBase, FirewallChain, Hook, Ruleset } from './ruleset.ts';

/** The verdict on a packet. */
export interface Judgement {
  readonly verdict: 'accept' | 'drop' | 'reject' | 'unknown';
  /** Where; `undefined`: it was accepted. */
  readonly hook: Hook | undefined;
  /** The rule or policy that ends it; if that is `unknown`, the rule of which nobody can tell what it does. */
  readonly place: RulePlace | undefined;
  /** Rules by which the packet may end already before `place`; if it is `unknown`, all by which it may end. */
  readonly earlier: readonly RulePlace[];
  /** If it is `unknown`: what ends the packet in one of the cases. */
  readonly threat: RulePlace | undefined;
  /** The packet as it goes on, if it does: marks may have been set. */
  readonly packet: FilteredPacket;
}

/** The verdict on its whole way. */
export interface PassageJudgement extends Judgement {
  /** The packet as it is where it is routed: it may have been sent elsewhere, and has the source that it came with. */
  readonly routed: FilteredPacket;
}

/** Ways through the machine. */
export type Passage = 'forwarded' | 'incoming' | 'outgoing';

const hooksOf: Readonly<Record<Passage, readonly Hook[]>> = {
  forwarded: ['ingress', 'prerouting', 'forward', 'postrouting', 'egress'],
  incoming: ['ingress', 'prerouting', 'input'],
  outgoing: ['output', 'postrouting', 'egress'],
};

/** Priority at which connections are told apart: chains before it find none. */
const CONNTRACK_PRIORITY = -200;

/**
 * What becomes of `packet` on its whole way through the machine. Its devices are those of the way: `inDevice` where it comes from,
 * `outDevice` where it goes to.
 */
export function judgePassage(ruleset: Ruleset, passage: Passage, packet: FilteredPacket): PassageJudgement {
  const { isDestinationLocal = passage === 'outgoing' ? undefined : passage === 'incoming' } = packet;
  return judgeHooks(ruleset, hooksOf[passage], { ...packet, isDestinationLocal });
}

/** What becomes of `packet` at one hook. */
export function judge(ruleset: Ruleset, hook: Hook, packet: FilteredPacket): Judgement {
  return judgeHooks(ruleset, [hook], packet);
}

function judgeHooks(ruleset: Ruleset, hooks: readonly Hook[], packet: FilteredPacket): PassageJudgement {
  const walk = new ChainWalk(ruleset);
  let current = packet;
  let routed = packet;
  let doubtful: Judgement | undefined;
  const threats: RulePlace[] = [];
  for (const hook of hooks) {
    for (const [chain, base] of chainsAt(ruleset, hook, packet.family)) {
      const judgement = judgeChain(walk, chain, base, current);
      if (judgement.verdict === 'drop' || judgement.verdict === 'reject') {
        return { ...judgement, routed, earlier: [...threats, ...judgement.earlier] };
      }
      if (judgement.verdict === 'unknown') doubtful ??= judgement;
      threats.push(...judgement.earlier);
      current = { ...current, ...judgement.packet };
      if (hook !== 'postrouting' && hook !== 'egress') routed = current;
    }
  }
  return { ...(doubtful ?? accepted(current)), packet: current, routed };
}

function judgeChain(walk: ChainWalk, chain: FirewallChain, base: ChainBase, packet: FilteredPacket): Judgement {
  const { hook } = base;
  const isEarly = hook === 'ingress' || (isTracking(hook) && base.priority < CONNTRACK_PRIORITY);
  const seen = seenAt(hook, isEarly ? { ...packet, connection: early(packet) } : packet);
  const applies = appliesTo(base, seen);
  if (applies === false) return accepted(packet);
  const judgement = judgementOf(walk.endsIn(chain, seen), hook, seen);
  const changes = restored(judgement.packet, packet, isEarly);
  if (applies === true) return { ...judgement, packet: changes };
  if (judgement.verdict === 'accept') return { ...judgement, packet: commonPacket(packet, changes) };
  const { place } = judgement;
  return { ...judgement, verdict: 'unknown', threat: place, packet: commonPacket(packet, changes) };
}

/** Several ends are one if they come to the same. */
function judgementOf(ends: readonly ChainEnd[], hook: Hook, before: FilteredPacket): Judgement {
  const passing = ends.filter(({ verdict }) => verdict === 'accept');
  const losing = ends.filter(({ verdict }) => verdict === 'drop' || verdict === 'reject');
  const packets = ends.flatMap(({ verdict, packet }) => (verdict === 'drop' || verdict === 'reject' ? [] : packet));
  const packet = packets.length === 0 ? before : packets.reduce(commonPacket);
  if (passing.length === ends.length) {
    return accepted(packet);
  }
  if (losing.length === ends.length) {
    const end = losing.find(({ doubts }) => doubts.length === 0) ?? losing[0]!;
    const verdict = losing.every((one) => one.verdict === end.verdict) ? end.verdict : 'drop';
    const earlier = losing.filter((one) => one !== end).map(({ place }) => place);
    return { verdict: verdict as 'drop' | 'reject', hook, place: end.place, earlier, threat: undefined, packet };
  }
  const earlier = losing.map(({ place }) => place);
  return { verdict: 'unknown', hook, place: doubtOf(ends), earlier, threat: losing[0]?.place, packet };
}

function accepted(packet: FilteredPacket): Judgement {
  return { verdict: 'accept', hook: undefined, place: undefined, earlier: [], threat: undefined, packet };
}

/** The rule on which it depends: one by which a packet comes to another end than without any rule that is in doubt. */
function doubtOf(ends: readonly ChainEnd[]): RulePlace {
  const usual = ends.find(({ doubts, verdict }) => doubts.length === 0 && verdict !== 'mystery') ?? ends[0]!;
  const other = ends.find((end) => isLoss(end) !== isLoss(usual) || end.verdict === 'mystery') ?? usual;
  return other.doubts[0] ?? other.place;
}

function isLoss({ verdict }: ChainEnd): boolean {
  return verdict === 'drop' || verdict === 'reject';
}

/** Chains that the kernel calls there, in order. */
function chainsAt(
  { chains }: Ruleset,
  hook: Hook,
  family: 4 | 6,
): (readonly [chain: FirewallChain, base: ChainBase])[] {
  return chains
    .flatMap((chain) =>
      chain.base?.hook === hook && chain.families.includes(family) ? [[chain, chain.base] as const] : [],
    )
    .sort(([, a], [, b]) => a.priority - b.priority);
}

function isTracking(hook: Hook): boolean {
  return hook === 'prerouting' || hook === 'output';
}

/** Before connections are told apart, all packets are `invalid`, but for those that are not to be tracked. */
function early({ connection }: FilteredPacket): FilteredPacket['connection'] {
  return connection === 'untracked' ? 'untracked' : 'invalid';
}

/** Devices that are known there. */
function seenAt(hook: Hook, packet: FilteredPacket): FilteredPacket {
  if (hook === 'output') return { ...packet, inDevice: '', sourceMac: '' };
  if (hook === 'ingress' || hook === 'prerouting' || hook === 'input') return { ...packet, outDevice: '' };
  return packet;
}

/** As `after`, but with what a hook did not show. */
function restored(after: FilteredPacket, before: FilteredPacket, wasEarly: boolean): FilteredPacket {
  const { inDevice, outDevice, sourceMac } = before;
  const isTold = wasEarly && after.connection === 'invalid';
  return { ...after, inDevice, outDevice, sourceMac, connection: isTold ? before.connection : after.connection };
}

/** Whether a chain sees the packet at all. */
function appliesTo({ isNat, devices, hook }: ChainBase, packet: FilteredPacket): Answer {
  if (isNat && packet.connection !== undefined && packet.connection !== 'new') return false;
  const device = hook === 'egress' ? packet.outDevice : packet.inDevice;
  const isOfDevice = devices === undefined ? true : device === undefined ? undefined : devices.includes(device);
  if (isOfDevice === false) return false;
  return isNat && packet.connection === undefined ? undefined : isOfDevice;
}
