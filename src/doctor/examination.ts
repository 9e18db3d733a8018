/** All checks over the facts of one node. */
import { catalogue, causesOf } from './catalogue.ts';
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
  return {
    node: facts.node,
    through: '',
    time,
    checks,
    findings: bySeverity(withoutConsequences(findings)),
    fixed: [],
  };
}

const order = ['error', 'warning', 'note'] as const;

/** Errors first. */
export function bySeverity<Found extends Pick<Finding, 'severity'>>(findings: readonly Found[]): Found[] {
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/** What was found on several nodes, and by several of them, together with who could not be asked. */
export function reportOf({
  nodes,
  shared = [],
  unexamined = [],
}: Partial<Omit<DoctorReport, 'healthy'>>): DoctorReport {
  const all = [...shared, ...(nodes ?? []).flatMap(({ findings }) => findings)];
  return { healthy: unexamined.length === 0 && isHealthy(all), shared, nodes: nodes ?? [], unexamined };
}

/** Whether nothing is wrong, as far as that is known. */
function isHealthy(findings: readonly Pick<Finding, 'severity'>[]): boolean {
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

/** Before what a finding brings about. */
export const WITH_IT = 'with it: ';

/** What another finding brings about is mentioned there, and is no finding of its own: it goes away with the other. */
function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const causeOf = (finding: Finding): Finding | undefined =>
    causesOf(finding.id)
      .flatMap((id) => findings.find((other) => other.id === id) ?? [])
      .find((cause) => cause !== finding && explains(cause, finding));
  return findings
    .filter((finding) => causeOf(finding) === undefined)
    .map((finding) => {
      const effects = findings.filter((other) => causeOf(other) === finding);
      return effects.length === 0
        ? finding
        : {
            ...finding,
            evidence: [...finding.evidence, ...effects.map(({ evidence }) => `${WITH_IT}${evidence.join('; ')}`)],
          };
    });
}

/** What is wrong with some nodes explains nothing that is wrong with others. */
function explains({ about: causes }: Finding, { about: effects }: Finding): boolean {
  if (causes.length === 0) return true;
  const explained = new Set(causes.map(({ node }) => node));
  return effects.every(({ node }) => explained.has(node));
}
