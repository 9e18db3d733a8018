/** All checks over the facts of one node. */
import { catalogue } from './catalogue.ts';
import type { Check, FactsOfDaemon } from './check.ts';
import type { Facts, Unseen } from './facts.ts';
import type { CheckOutcome, Diagnosis, DoctorReport, Finding } from './finding.ts';

/** @param time of the facts, ISO 8601. */
export function examine(facts: Facts, time: string): Diagnosis {
  const checks: CheckOutcome[] = [];
  const findings: Finding[] = [];
  for (const [check, what] of Object.entries(catalogue)) {
    const reason = whyNot(what, facts);
    const here = reason === '' ? what.look(facts as FactsOfDaemon) : [];
    const unseen = reason !== '' ? reason : here.length > 0 ? '' : whyUnseen(what, facts);
    checks.push({ check, outcome: here.length > 0 ? 'found' : unseen === '' ? 'ok' : 'skipped', reason: unseen });
    findings.push(...here);
  }
  const ordered = withoutConsequences(findings).sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return { node: facts.node, time, checks, findings: ordered, fixed: [] };
}

const order = ['error', 'warning', 'note'] as const;

/** What was found on several nodes, together with who could not be asked. */
export function reportOf(nodes: readonly Diagnosis[], unexamined: DoctorReport['unexamined']): DoctorReport {
  const healthy = unexamined.length === 0 && nodes.every(({ findings }) => isHealthy(findings));
  return { healthy, nodes, unexamined };
}

/** Whether nothing is wrong, as far as that is known. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === 'note');
}

function whyNot({ needs }: Check, { daemon }: Facts): string {
  if (needs === 'host') return '';
  if ('absence' in daemon) return 'no daemon answers';
  return needs === 'others' && !daemon.canAsk ? 'other nodes cannot be asked: gossip.authentication is off' : '';
}

/** What it goes by and could not be looked at. */
function whyUnseen({ looksAt = [] }: Check, { host, daemon }: Facts): string {
  const unseen: Unseen = { ...host.unseen, ...('absence' in daemon ? {} : daemon.unseen) };
  const [reason] = looksAt.flatMap((sight) => unseen[sight] ?? []);
  return reason === undefined ? '' : `could not be looked at: ${reason}`;
}

/** What another finding brings about is mentioned there, and is no finding of its own: it goes away with the other. */
function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const present = new Set(findings.map(({ id }) => id));
  const causeOf = (finding: Finding): string | undefined =>
    follows.get(finding.id)?.find((id) => id !== finding.id && present.has(id));
  return findings
    .filter((finding) => causeOf(finding) === undefined)
    .map((finding) => {
      const effects = findings.filter((other) => causeOf(other) === finding.id);
      return effects.length === 0
        ? finding
        : {
            ...finding,
            evidence: [...finding.evidence, ...effects.map(({ evidence }) => `with it: ${evidence.join('; ')}`)],
          };
    });
}

const follows = new Map(
  Object.values(catalogue).flatMap(({ finds }) =>
    Object.entries(finds).map(([id, kind]) => [id, kind.follows ?? []] as const),
  ),
);
