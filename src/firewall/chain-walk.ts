/**
 * A packet on its way through one chain that the kernel calls, and through those that it jumps to.
 *
 * Where a rule cannot be decided, both ways are followed: what both come to is known all the same. Where they meet again, what differs
 * of the packet is forgotten, so that the work grows with the number of rules and not with that of ways.
 */
import { commonPacket, type FilteredPacket } from './filtered-packet.ts';
import { matchPattern } from './pattern.ts';
import { decideTest, readSubjects } from './rule-test.ts';
import type { FirewallChain, FirewallRule, MarkValue, RuleVerdict, Ruleset, Statement } from './ruleset.ts';

/** A rule where it stands; without a rule: the policy of the chain. */
export interface RulePlace {
  readonly chain: FirewallChain;
  readonly rule: FirewallRule | undefined;
  /** Rules that jumped there, the first one first. */
  readonly path: readonly RulePlace[];
}

/** How it may end in a chain. */
export interface ChainEnd {
  /** `mystery`: something else decides, of which nothing is known here. */
  readonly verdict: 'accept' | 'drop' | 'reject' | 'mystery';
  readonly place: RulePlace;
  /** Rules on the way of which nobody can tell whether they match, and that must have matched. */
  readonly doubts: readonly RulePlace[];
  readonly packet: FilteredPacket;
}

/** Rules and elements of sets that are looked at for one packet: beyond this it is not known what comes. Each costs a microsecond or so. */
const MAX_STEPS = 100_000;

/** The kernel allows for 16 jumps; iptables before nftables for more. */
const MAX_DEPTH = 64;

/** What became of a packet in a chain: it may have ended, and it may have come to the end of the chain. */
interface Course {
  readonly ends: ChainEnd[];
  rest: FilteredPacket | undefined;
}

/** Where a walk is. */
interface Spot {
  readonly place: RulePlace;
  readonly doubts: readonly RulePlace[];
}

export class ChainWalk {
  readonly #chains: ReadonlyMap<string, FirewallChain>;
  #steps = 0;

  constructor({ chains }: Ruleset) {
    this.#chains = new Map(chains.map((chain) => [keyOf(chain.table, chain.name), chain]));
  }

  /** All the ways in which it may end for `packet` in a chain with a hook; two at least if that is not known. */
  endsIn(chain: FirewallChain, packet: FilteredPacket): readonly ChainEnd[] {
    const { ends, rest } = this.#walk(chain, packet, [], []);
    if (rest === undefined) return ends;
    const place = { chain, rule: undefined, path: [] };
    return [...ends, { verdict: chain.base?.policy ?? 'accept', place, doubts: [], packet: rest }];
  }

  #walk(
    chain: FirewallChain,
    packet: FilteredPacket,
    path: readonly RulePlace[],
    doubts: readonly RulePlace[],
  ): Course {
    const course: Course = { ends: [], rest: undefined };
    let current: FilteredPacket | undefined = packet;
    for (const rule of chain.rules) {
      const place = { chain, rule, path };
      if (++this.#steps > MAX_STEPS) {
        course.ends.push({ verdict: 'mystery', place, doubts, packet: current });
        return course;
      }
      current = this.#apply(rule.statements(), current, { place, doubts }, course);
      if (current === undefined) return course;
    }
    course.rest = merge(course.rest, current);
    return course;
  }

  /** Carries out a rule. @returns the packet for the next one, if it comes so far. */
  #apply(
    statements: readonly Statement[],
    packet: FilteredPacket,
    { place, doubts: before }: Spot,
    course: Course,
  ): FilteredPacket | undefined {
    /** As it is for the next rule if a test failed that cannot be decided. */
    let aside: FilteredPacket | undefined;
    let current: FilteredPacket | undefined = packet;
    let doubts = before;
    const doubt = (): void => {
      aside = merge(aside, current);
      if (doubts.at(-1) !== place) doubts = [...doubts, place];
    };
    for (const statement of statements) {
      if (current === undefined) break;
      if (statement.kind === 'test' || statement.kind === 'doubt') {
        if (statement.kind === 'test') this.#steps += statement.test.patterns().length;
        const answer = statement.kind === 'doubt' ? undefined : decideTest(statement.test, current);
        if (answer === false) return merge(aside, current);
        if (answer === undefined) doubt();
      } else if (statement.kind === 'verdict') {
        current = this.#decide(statement.verdict, current, { place, doubts }, course);
      } else if (statement.kind === 'map') {
        const { sure, possible } = lookUp(statement, current);
        if (possible.length > 0) doubt();
        const found = possible.length > 0 ? possible : sure;
        if (found.length === 0) return merge(aside, current);
        const here: FilteredPacket = current;
        current = found
          .map((verdict) => this.#decide(verdict, here, { place, doubts }, course))
          .reduce(merge, undefined);
      } else if (statement.kind === 'translate') {
        course.ends.push({ verdict: 'accept', place, doubts, packet: translated(current) });
        current = undefined;
      } else if (statement.kind === 'mystery') {
        course.ends.push({ verdict: 'mystery', place, doubts, packet: current });
      } else {
        current = changed(statement, current);
      }
    }
    return merge(aside, current);
  }

  /** @returns the packet for the next statement, if it comes so far. */
  #decide(verdict: RuleVerdict, packet: FilteredPacket, spot: Spot, course: Course): FilteredPacket | undefined {
    const { place, doubts } = spot;
    if (verdict.kind === 'continue') return packet;
    if (verdict.kind === 'return') {
      course.rest = merge(course.rest, packet);
    } else if (verdict.kind === 'jump' || verdict.kind === 'goto') {
      const { ends, rest } = this.#follow(verdict.chain, packet, spot);
      for (const end of ends) course.ends.push(end);
      if (verdict.kind === 'jump') return rest;
      course.rest = merge(course.rest, rest);
    } else {
      course.ends.push({ verdict: verdict.kind, place, doubts, packet });
    }
    return undefined;
  }

  #follow(name: string, packet: FilteredPacket, { place, doubts }: Spot): Course {
    const chain = this.#chains.get(keyOf(place.chain.table, name));
    const path = [...place.path, place];
    if (chain === undefined || path.length > MAX_DEPTH)
      return { ends: [{ verdict: 'mystery', place, doubts, packet }], rest: undefined };
    return this.#walk(chain, packet, path, doubts);
  }
}

/** What a map says: `sure` if nothing is in doubt, or else everything that it may say. That it says nothing is possible then, too. */
function lookUp(
  { subjects, entries }: Extract<Statement, { readonly kind: 'map' }>,
  packet: FilteredPacket,
): { readonly sure: readonly RuleVerdict[]; readonly possible: readonly RuleVerdict[] } {
  const values = readSubjects(subjects, packet);
  if (values === null) return { sure: [], possible: [] };
  const possible: RuleVerdict[] = [];
  for (const { pattern, verdict } of entries()) {
    const answer = matchPattern(pattern, values);
    if (answer === true) return { sure: [verdict], possible: [] };
    if (answer === undefined) possible.push(verdict);
  }
  return { sure: [], possible };
}

function changed(statement: Statement, packet: FilteredPacket): FilteredPacket {
  if (statement.kind === 'mark') {
    const mark = markAfter(statement.value, packet);
    return statement.of === 'packet' ? { ...packet, mark } : { ...packet, connectionMark: mark };
  }
  // What belongs to a connection already, stays in it.
  if (statement.kind === 'untrack' && packet.connection === 'invalid') return { ...packet, connection: 'untracked' };
  return statement.kind === 'rewrite' ? { ...packet, ...unknownAfter[statement.field] } : packet;
}

const unknownAfter = {
  addresses: { source: undefined, destination: undefined, isDestinationLocal: undefined, returnsByInDevice: undefined },
  ports: { sourcePort: undefined, destinationPort: undefined },
} as const;

function translated(packet: FilteredPacket): FilteredPacket {
  return { ...packet, ...unknownAfter.addresses, ...unknownAfter.ports, isTranslated: true };
}

function markAfter(value: MarkValue, { mark, connectionMark }: FilteredPacket): number | undefined {
  if (value === undefined) return undefined;
  const before = value.from === 'packet' ? mark : connectionMark;
  if (value.and === 0) return value.xor;
  return before === undefined ? undefined : ((before & value.and) ^ value.xor) >>> 0;
}

function merge(a: FilteredPacket | undefined, b: FilteredPacket | undefined): FilteredPacket | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return commonPacket(a, b);
}

function keyOf(table: string, name: string): string {
  return `${table}\n${name}`;
}
