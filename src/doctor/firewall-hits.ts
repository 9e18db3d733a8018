/** What the firewall of this machine does with packets of weft, rule by rule. */
import type { RulePlace } from '../firewall/chain-walk.ts';
import { judgePassage } from '../firewall/judgement.ts';
import type { FirewallChain, FirewallRule, Ruleset, Statement } from '../firewall/ruleset.ts';
import type { Facts } from './facts.ts';
import { type FirewallSample, firewallSamples } from './firewall-samples.ts';

/** A rule, or the policy of a chain, and the packets that it ends, or may end. */
export interface FirewallHit {
  readonly place: RulePlace;
  /** `unknown`: nobody can tell what it does, and `threat` is what ends them then. */
  readonly verdict: 'drop' | 'reject' | 'unknown';
  readonly threat: RulePlace | undefined;
  readonly samples: readonly FirewallSample[];
  /** Whether it is what becomes of everything that no rule before it accepts. */
  readonly isLast: boolean;
}

/** By what was read: several checks ask, and so does everybody who asks the doctor within a second. */
const hitsByHost = new WeakMap<Facts['host'], readonly FirewallHit[]>();

/** All that end packets of weft, in the order in which they are met. Judged once for facts that were read together. */
export function firewallHits(facts: Facts): readonly FirewallHit[] {
  const known = hitsByHost.get(facts.host);
  if (known !== undefined) return known;
  const hits = findHits(facts);
  hitsByHost.set(facts.host, hits);
  return hits;
}

function findHits(facts: Facts): readonly FirewallHit[] {
  const { firewall } = facts.host;
  const ruleset = foreignRules(firewall);
  if (ruleset.chains.length === 0) return [];
  const samples = samplesOf(facts);
  const hits = new Map<FirewallRule | FirewallChain, FirewallHit>();
  for (const sample of samples) {
    const { verdict, place, threat } = judgePassage(ruleset, sample.passage, sample.packet);
    if (verdict === 'accept' || place === undefined) continue;
    const key = place.rule ?? place.chain;
    const known = hits.get(key);
    hits.set(key, {
      place,
      threat,
      // What is sure of one packet says more than what may be of another.
      verdict: known === undefined || known.verdict === 'unknown' ? verdict : known.verdict,
      samples: [...(known?.samples ?? []), sample],
      isLast: isLast(place),
    });
  }
  return [...hits.values()];
}

/** What packets those are, in words. */
export function hitWords({ samples }: FirewallHit, facts: Facts): string {
  const all = samplesOf(facts);
  return [...Map.groupBy(samples, ({ subject }) => subject)]
    .map(([subject, those]) => {
      const of = all.filter((one) => one.subject === subject);
      const notes = [protocolWords(those, of), endWords(those, of)].filter((note) => note !== '');
      return [subject, ...notes].join(', ');
    })
    .join('; ');
}

/** Only where it is not all of them. */
function protocolWords(those: readonly FirewallSample[], all: readonly FirewallSample[]): string {
  const [some, every] = [those, all].map((list) => [...new Set(list.map(({ protocol }) => protocol))]);
  const [families, allFamilies] = [those, all].map((list) => new Set(list.map(({ packet }) => packet.family)));
  const family = families!.size === allFamilies!.size ? [] : [`IPv${[...families!].join('')}`];
  return [...(some!.length === every!.length ? [] : some!), ...family].join(', ');
}

function endWords(those: readonly FirewallSample[], all: readonly FirewallSample[]): string {
  const [some, every] = [those, all].map((list) => [...new Set(list.map(({ ends }) => ends))]);
  const family = new Set(those.map(({ packet }) => packet.family));
  const possible = new Set(all.filter(({ packet }) => family.has(packet.family)).map(({ ends }) => ends));
  return some!.length >= possible.size || every!.length < 2 ? '' : some!.slice(0, 3).join(', ');
}

/** Rules of others; of weft's own only those that say what is tracked, as others ask for it. */
function foreignRules({ chains }: Ruleset): Ruleset {
  const foreign = chains.filter((chain) => !isOwnChain(chain));
  if (foreign.length === 0) return { chains: [] };
  return { chains: chains.filter((chain) => !isOwnChain(chain) || chain.name.startsWith('untracked')) };
}

/** Whether weft made it. */
function isOwnChain({ table }: FirewallChain): boolean {
  return /^nftables table inet weft(-[a-z]+)?$/.test(table);
}

/** Whether all packets that get so far end there: it does not ask for anything that is weft's. */
function isLast({ rule }: RulePlace): boolean {
  return rule === undefined || rule.statements().every((statement) => !isNarrow(statement));
}

function isNarrow(statement: Statement): boolean {
  if (statement.kind === 'map' || statement.kind === 'doubt') return true;
  if (statement.kind !== 'test') return false;
  return statement.test.subjects.some(({ field }) => !wideFields.includes(field));
}

/** What may be asked of all packets of a protocol or family. */
const wideFields: readonly string[] = ['l4proto', 'nfproto', 'ip protocol', 'ip6 nexthdr', 'ct state', 'tcp flags'];

const samplesByFacts = new WeakMap<Facts, readonly FirewallSample[]>();

function samplesOf(facts: Facts): readonly FirewallSample[] {
  const known = samplesByFacts.get(facts);
  if (known !== undefined) return known;
  const words = foreignRules(facts.host.firewall).chains.flatMap(({ rules }) => rules.map(({ text }) => text));
  const samples = firewallSamples(facts, words);
  samplesByFacts.set(facts, samples);
  return samples;
}
