/** What a check is: a pure function of facts, and the findings that it may have. */
import type { DaemonFacts, Facts, Sight } from './facts.ts';
import type { AboutNode, Finding, Fix, Severity } from './finding.ts';

/** What all findings of an id have in common. */
export interface FindingKind {
  readonly severity: Severity;
  readonly title: string;
  readonly cause: string;
  /** Ids of findings that bring this one about: beside one of them it is only mentioned. */
  readonly follows?: readonly string[];
  /** What it is about, if not about the node that finds it: where all nodes were asked, the same fault is said once. */
  readonly scope?: Scope;
}

/**
 * `pair`: this node and each of those that it is about, which may find the same. `node`: the others that it is about, whoever speaks of
 * them. `cluster`: something that all nodes see alike.
 */
export type Scope = 'pair' | 'node' | 'cluster';

/** Findings by id. */
export type FindingKinds = Readonly<Record<string, FindingKind>>;

/** What is known when a daemon answers. */
export type FactsOfDaemon = Facts & { readonly daemon: DaemonFacts };

interface Described {
  /** What is looked at, in a few words: `firewall rules of others`. */
  readonly subject: string;
  readonly finds: FindingKinds;
  /** What of the facts it goes by that may be unseen: it is made all the same, and is no proof then that all is well. */
  readonly looksAt?: readonly Sight[];
}

/** Needs no daemon. */
export interface HostCheck extends Described {
  readonly needs: 'host';
  look(facts: Facts): Finding[];
}

/** Needs what a daemon knows; if it is `others`, also what other nodes say of themselves. */
export interface DaemonCheck extends Described {
  readonly needs: 'daemon' | 'others';
  look(facts: FactsOfDaemon): Finding[];
}

export type Check = HostCheck | DaemonCheck;

/** A finding of one of these kinds. */
export function found(
  finds: FindingKinds,
  id: string,
  evidence: readonly string[],
  fix: Fix,
  about: readonly AboutNode[] = [],
): Finding {
  const kind = finds[id];
  if (kind === undefined) throw new RangeError(`no check finds ${id}`);
  const { severity, title, cause } = kind;
  return { id, severity, title, evidence, cause, fix, about };
}

/** A fix that a person carries out. */
export function byHand(text: string, ...commands: readonly string[]): Fix {
  return { text, commands, automatic: false };
}

/** A fix that `weft doctor --fix` carries out. */
export function byDoctor(text: string, ...commands: readonly string[]): Fix {
  return { text, commands, automatic: true };
}
