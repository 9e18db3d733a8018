/**
 * What the doctor says. These are types of the control API: keys are stable, they may be added, never renamed or removed.
 * `docs/doctor.md` lists every id.
 */

/**
 * `error`: packets are lost, or will be. `warning`: it works, but not as it should, or not for long. `note`: it may be as it should be,
 * and cannot be told from here; a node with nothing but notes is healthy.
 */
export type Severity = 'error' | 'warning' | 'note';

/** One thing that is wrong. */
export interface Finding {
  /** Stable: `rp-filter-strict`. */
  readonly id: string;
  readonly severity: Severity;
  /** What it means for the cluster, as a sentence without its full stop. */
  readonly title: string;
  /** What was seen, with the figures. */
  readonly evidence: readonly string[];
  /** How that comes about. */
  readonly cause: string;
  /** What to do: a sentence, and commands where there are any. */
  readonly fix: Fix;
  /** Other nodes that it is about, as this one sees them; empty: it is about this node alone. */
  readonly about: readonly AboutNode[];
}

/** Another node that a finding is about. */
export interface AboutNode {
  readonly node: string;
  /** What of the evidence is about it. */
  readonly evidence: readonly string[];
}

/** What several nodes find, or one of them about another: one fault, said once. */
export interface SharedFinding extends Omit<Finding, 'about'> {
  /** Between whom it is, the node that has most part in it first; or the one node that all of them speak of. */
  readonly nodes: readonly string[];
  /** Whose doctors found it. */
  readonly seenBy: readonly string[];
}

/** What to do about a finding. */
export interface Fix {
  readonly text: string;
  /** Commands that do it, in order; they are only shown. */
  readonly commands: readonly string[];
  /** Whether `weft doctor --fix` does it: only what is weft's own, and kernel parameters that weft sets anyway. */
  readonly automatic: boolean;
}

/** How one check ended. */
export interface CheckOutcome {
  readonly check: string;
  readonly outcome: 'ok' | 'found' | 'skipped';
  /** Why it was skipped; otherwise empty. */
  readonly reason: string;
}

/** What was looked at on one node, and found. */
export interface Diagnosis {
  readonly node: string;
  /** The node that asked it, where the one that reports could not; otherwise empty. */
  readonly through: string;
  readonly time: string;
  readonly checks: readonly CheckOutcome[];
  /** Errors first. */
  readonly findings: readonly Finding[];
  /** Ids of findings that were there before `--fix`, and are not any more. */
  readonly fixed: readonly string[];
}

/** A node that could not be asked. */
export interface UnexaminedNode {
  readonly node: string;
  readonly code: string;
  readonly message: string;
}

/** Answer of `weft doctor`. */
export interface DoctorReport {
  /** Whether there is no finding but notes, and every node that was to be asked answered. */
  readonly healthy: boolean;
  /** What concerns several nodes; errors first. It is none of the findings of those nodes then. Empty if one node was asked. */
  readonly shared: readonly SharedFinding[];
  readonly nodes: readonly Diagnosis[];
  readonly unexamined: readonly UnexaminedNode[];
}
