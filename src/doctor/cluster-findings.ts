/**
 * What the doctors of several nodes found, brought together: a fault between two nodes is seen from both ends, and a node that is gone
 * by all others. Each is said once, with what every one of them saw.
 *
 * Chosen: a fault is told by its id and its two ends, in no order; what the list of `follows` says of the findings of one node holds
 * for the other end as well. Instead of: a finding for each pair. Because: a node that is cut off from all has one fault, not as many
 * as there are others; so pairs with one id that have a node in common are one finding, about the node with the most of them.
 */
import { causesOf, scopeOf } from './catalogue.ts';
import { bySeverity, WITH_IT } from './examination.ts';
import type { AboutNode, Diagnosis, Finding, SharedFinding } from './finding.ts';
import { nodesInWords } from './node-words.ts';

/** Most sentences and commands of one finding: of a node in a cluster of hundreds, each of them has something to say. */
const MAX_EVIDENCE = 16;
const MAX_COMMANDS = 6;

/** What somebody says of a way to a node that does not answer: nobody is at its other end. */
const OF_WAYS: readonly string[] = ['path-cut', 'vxlan-eaten', 'gossip-one-way', 'path-lossy', 'node-dead'];

/** What one node found about one other. */
interface Sight {
  readonly id: string;
  readonly by: string;
  readonly other: string;
  readonly evidence: readonly string[];
  readonly finding: Finding;
}

/** What brings a sight about: itself, if it is nothing else; a finding that is about one node; a node that does not answer. */
type Root = Sight | Finding | SharedFinding;

/**
 * Takes from the findings of nodes what concerns several of them.
 *
 * @param lost findings about nodes that did not answer, one for each: `nodes` is that node.
 */
export function bringTogether(
  diagnoses: readonly Diagnosis[],
  lost: readonly SharedFinding[],
): { readonly nodes: readonly Diagnosis[]; readonly shared: readonly SharedFinding[] } {
  const taken = new Sights(diagnoses, lost);
  const everywhere = diagnoses.length < 2 ? [] : foundEverywhere(diagnoses);
  const shared = [...taken.lost(), ...taken.between(), ...everywhere];
  const ids = new Set(everywhere.map(({ id }) => id));
  const nodes = diagnoses.map((diagnosis) => ({
    ...diagnosis,
    findings: diagnosis.findings.filter(({ id }) => !ids.has(id)).flatMap((finding) => taken.rest(finding)),
  }));
  return { nodes, shared: bySeverity(shared) };
}

class Sights {
  readonly #isAlone: boolean;
  readonly #findingsOf: ReadonlyMap<string, readonly Finding[]>;
  readonly #lost: ReadonlyMap<string, SharedFinding>;
  readonly #sights: readonly Sight[];
  /** By id and pair, the first of them. */
  readonly #between = new Map<string, Sight>();
  readonly #of = new Map<Root, Sight[]>();

  constructor(diagnoses: readonly Diagnosis[], lost: readonly SharedFinding[]) {
    this.#isAlone = diagnoses.length < 2;
    this.#findingsOf = new Map(diagnoses.map(({ node, findings }) => [node, findings]));
    this.#lost = new Map(lost.map((finding) => [finding.nodes[0]!, finding]));
    this.#sights = diagnoses.flatMap(({ node, findings }) =>
      findings.flatMap((finding) => this.#sightsIn(node, finding)),
    );
    for (const sight of this.#sights) {
      const key = pairKey(sight.id, sight);
      if (!this.#between.has(key)) this.#between.set(key, sight);
    }
    for (const sight of this.#sights) {
      const root = this.#rootOf(sight);
      this.#of.set(root, [...(this.#of.get(root) ?? []), sight]);
    }
  }

  /** About nodes that do not answer, with what was seen of the ways to them. */
  lost(): SharedFinding[] {
    return [...this.#lost.values()].map((finding) => {
      const ways = this.#broughtAboutBy(finding).filter(({ id }) => id !== 'node-dead');
      return { ...finding, evidence: shortened([...finding.evidence, ...ways.flatMap(told)]) };
    });
  }

  /** Faults between nodes. */
  between(): SharedFinding[] {
    const roots = this.#sights.filter((sight) => this.#of.has(sight));
    return [...new Set(roots.map(({ id }) => id))].flatMap((id) =>
      stars(roots.filter((sight) => sight.id === id)).map(({ nodes, sights: ofStar }) => {
        const all = ofStar.flatMap((sight) => this.#broughtAboutBy(sight));
        const sights = all.filter((sight) => sight.id === id);
        const effects = all.filter((sight) => sight.id !== id);
        const { severity, title, cause } = sights[0]!.finding;
        const evidence = shortened([...sights.flatMap(told), ...effects.flatMap(withIt)]);
        return { id, severity, title, evidence, cause, fix: fixOf(sights), nodes, seenBy: reporters(all) };
      }),
    );
  }

  /** What of a finding is about this node alone, with what other nodes see of it; nothing if all of it was taken. */
  rest(finding: Finding): Finding[] {
    const taken = finding.about.filter((about) => this.#isTaken(finding, about));
    if (taken.length > 0 && taken.length === finding.about.length) return [];
    const gone = new Set(taken.flatMap(({ evidence }) => evidence));
    const left = finding.evidence.filter((text) => !gone.has(text));
    const evidence = shortened([...left, ...this.#broughtAboutBy(finding).flatMap(withIt)]);
    return [{ ...finding, evidence, about: finding.about.filter((about) => !taken.includes(about)) }];
  }

  /** Of a finding of which nothing is left, what is about no node in particular goes with the first. */
  #sightsIn(by: string, finding: Finding): Sight[] {
    const { id, about } = finding;
    const taken = about.filter((one) => this.#isTaken(finding, one));
    const ofNodes = new Set(about.flatMap(({ evidence }) => evidence));
    const loose = taken.length < about.length ? [] : finding.evidence.filter((text) => !ofNodes.has(text));
    return taken.map(({ node, evidence }, at) => {
      return { id, by, other: node, evidence: at === 0 ? [...evidence, ...loose] : evidence, finding };
    });
  }

  #broughtAboutBy(root: Root): readonly Sight[] {
    return this.#of.get(root) ?? [];
  }

  /** Where only one node was asked, its findings stay as they are, but for those about nodes that others were asked about. */
  #isTaken({ id }: Finding, { node }: AboutNode): boolean {
    const scope = scopeOf(id);
    if (scope !== 'pair' && scope !== 'node') return false;
    return !this.#isAlone || (this.#lost.has(node) && OF_WAYS.includes(id));
  }

  /** Ends, as `follows` leads from no finding between nodes back to itself: a test sees to that. */
  #rootOf(sight: Sight): Root {
    const lost = this.#lost.get(sight.other);
    if (lost !== undefined && OF_WAYS.includes(sight.id)) return lost;
    const there = this.#findingsOf.get(sight.other) ?? [];
    for (const id of causesOf(sight.id)) {
      const finding = there.find((one) => one.id === id && one.about.length === 0);
      if (finding !== undefined) return finding;
      const between = this.#between.get(pairKey(id, sight));
      if (between !== undefined) return this.#rootOf(between);
    }
    // Where both ends see it, the first stands for both.
    return this.#between.get(pairKey(sight.id, sight))!;
  }
}

/** Findings that all nodes have alike, where several do. */
function foundEverywhere(diagnoses: readonly Diagnosis[]): SharedFinding[] {
  const all = diagnoses.flatMap(({ node, findings }) =>
    findings.filter(({ id }) => scopeOf(id) === 'cluster').map((finding) => ({ node, finding })),
  );
  return [...new Set(all.map(({ finding }) => finding.id))].flatMap((id) => {
    const those = all.filter(({ finding }) => finding.id === id);
    if (those.length < 2) return [];
    const sentences = [...new Set(those.flatMap(({ finding }) => finding.evidence))];
    const evidence = sentences.map((sentence) => {
      const nodes = those.filter(({ finding }) => finding.evidence.includes(sentence)).map(({ node }) => node);
      return `${nodesInWords(nodes)}: ${sentence}`;
    });
    const { severity, title, cause, fix } = those[0]!.finding;
    return [
      {
        id,
        severity,
        title,
        evidence: shortened(evidence),
        cause,
        fix,
        nodes: [],
        seenBy: those.map(({ node }) => node),
      },
    ];
  });
}

/** Pairs by the node that is in most of them, until none is left. */
function stars(sights: readonly Sight[]): { readonly nodes: readonly string[]; readonly sights: readonly Sight[] }[] {
  const partners = new Map<string, Set<string>>();
  const left = new Map<string, Set<Sight>>();
  for (const sight of sights) {
    for (const [one, another] of [
      [sight.by, sight.other],
      [sight.other, sight.by],
    ] as const) {
      partners.set(one, (partners.get(one) ?? new Set()).add(another));
      left.set(one, (left.get(one) ?? new Set()).add(sight));
    }
  }
  const found: { readonly nodes: readonly string[]; readonly sights: readonly Sight[] }[] = [];
  for (let hub = busiest(partners); hub !== undefined; hub = busiest(partners)) {
    const others = partners.get(hub)!;
    const ofHub = left.get(hub)!;
    found.push({ nodes: [hub, ...[...others].sort()], sights: [...ofHub] });
    for (const other of others) partners.get(other)!.delete(hub);
    for (const sight of ofHub) for (const end of [sight.by, sight.other]) if (end !== hub) left.get(end)!.delete(sight);
    partners.delete(hub);
  }
  return found;
}

/** Who has the most partners, the first by name; `undefined`: nobody has one. */
function busiest(partners: ReadonlyMap<string, ReadonlySet<string>>): string | undefined {
  let first: string | undefined;
  let most = 1;
  for (const [node, { size }] of partners) {
    if (size < most || (size === most && first !== undefined && first < node)) continue;
    first = node;
    most = size;
  }
  return first;
}

/** Key of a fault: what it is, and between whom, in no order. */
function pairKey(id: string, { by, other }: Pick<Sight, 'by' | 'other'>): string {
  return JSON.stringify([id, ...[by, other].sort()]);
}

function told({ by, evidence }: Sight): string[] {
  return evidence.map((text) => `${by}: ${text}`);
}

function withIt({ by, evidence }: Sight): string[] {
  return evidence.map((text) => `${WITH_IT}${by}: ${text.startsWith(WITH_IT) ? text.slice(WITH_IT.length) : text}`);
}

/** As the first of them suggests; commands are for the node that suggests them. */
function fixOf(sights: readonly Sight[]): SharedFinding['fix'] {
  const commands = sights.flatMap(({ by, finding }) => finding.fix.commands.map((command) => `${command} # on ${by}`));
  return {
    text: sights[0]!.finding.fix.text,
    commands: [...new Set(commands)].slice(0, MAX_COMMANDS),
    automatic: false,
  };
}

function reporters(sights: readonly Sight[]): string[] {
  return [...new Set(sights.map(({ by }) => by))].sort();
}

function shortened(evidence: readonly string[]): readonly string[] {
  const rest = evidence.length - MAX_EVIDENCE;
  return rest <= 0 ? evidence : [...evidence.slice(0, MAX_EVIDENCE), `and ${rest} more like these`];
}
