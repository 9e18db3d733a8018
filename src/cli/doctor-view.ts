/** What the doctor found, as text. Pure. */
import type { Diagnosis, DoctorReport, Finding, SharedFinding } from '../doctor/finding.ts';
import { wrap } from '../terminal/table.ts';
import { bold, paint, type Terminal, warning } from '../terminal/terminal.ts';

/** Width of the words in front of what is said. */
const LABEL_COLUMNS = 9;

/** What a daemon answered: one of before 0.2.0 has no findings of several nodes. */
type AnsweredReport = Omit<DoctorReport, 'shared'> & Partial<Pick<DoctorReport, 'shared'>>;

/** A paragraph for each finding: those of several nodes, then node by node, and at the end what `--fix` would do. */
export function formatDoctorReport({ shared = [], nodes, unexamined }: AnsweredReport, terminal: Terminal): string {
  // What is known of those that a finding is about stands there.
  const missed = new Set(shared.flatMap((finding) => (finding.nodes.length === 1 ? finding.nodes : [])));
  const concerned = new Set(shared.flatMap((finding) => [...finding.nodes, ...finding.seenBy]));
  const sections = [
    ...(shared.length === 0 ? [] : [formatShared(shared, terminal)]),
    ...nodes.map((node) => formatNode(node, concerned.has(node.node), terminal)),
    ...unexamined.filter(({ node }) => !missed.has(node)).map((one) => formatUnexamined(one, terminal)),
  ];
  const canFix = nodes.some(({ findings }) => findings.some(({ fix }) => fix.automatic));
  const hint = `"weft doctor --fix", on the node itself, does what is marked with *`;
  // Nodes of which there is nothing to say stand together.
  const joined = sections.map((section, at) => {
    const isApart = at > 0 && !(isLine(section) && isLine(sections[at - 1]!));
    return isApart ? `\n${section}` : section;
  });
  return joined.join('') + (canFix ? `\n${lines(...wrap(hint, widthOf(terminal)))}` : '');
}

/** What concerns several nodes. */
function formatShared(shared: readonly SharedFinding[], terminal: Terminal): string {
  const counts = countsOf(shared);
  const title = `cluster: ${counts === '' ? 'nothing but notes' : counts}`;
  return [
    lines(...wrap(title, widthOf(terminal)).map((line) => bold(line, terminal))),
    ...shared.map((finding) => formatFinding(finding, whereOf(finding), terminal)),
  ].join('\n');
}

/** Of whom it is; nothing where the title says so. */
function whereOf({ nodes }: SharedFinding): string {
  const [hub, ...others] = nodes;
  return others.length === 0 ? '' : ` (${hub} and ${others.join(', ')})`;
}

function formatUnexamined({ node, message }: DoctorReport['unexamined'][number], terminal: Terminal): string {
  const text = `${node} could not be asked: ${message.replace(`node ${node}: `, '')}`;
  return lines(...wrap(text, widthOf(terminal)).map((line) => warning(line, terminal)));
}

function isLine(text: string): boolean {
  return text.indexOf('\n') === text.length - 1;
}

/** @param isConcerned whether findings of several nodes are about it. */
function formatNode(diagnosis: Diagnosis, isConcerned: boolean, terminal: Terminal): string {
  const { node, through, findings, fixed } = diagnosis;
  const repaired = fixed.length === 0 ? [] : wrap(`${node}: put right: ${fixed.join(', ')}`, widthOf(terminal));
  const isHealthy = findings.every(({ severity }) => severity === 'note');
  const tone = isHealthy && !isConcerned ? 'good' : undefined;
  const asked = through === '' || through === undefined ? '' : ` (asked by ${through})`;
  const health = findings.some(({ id }) => id === 'repaired-by-itself') ? 'is in order again' : 'is healthy';
  const title = isHealthy
    ? `${node}${asked} ${health}${isConcerned ? ' otherwise' : ''}: ${scopeOf(diagnosis)}`
    : `${node}${asked}: ${countsOf(findings)}; ${scopeOf(diagnosis)}`;
  return [
    lines(...repaired, ...wrap(title, widthOf(terminal)).map((line) => bold(paint(line, tone, terminal), terminal))),
    ...findings.map((finding) => formatFinding(finding, '', terminal)),
  ].join('\n');
}

function formatFinding(
  { id, severity, title, evidence, cause, fix }: Finding | SharedFinding,
  where: string,
  terminal: Terminal,
): string {
  const mark = fix.automatic ? '*' : '';
  return [
    ...labelled(severity, [`${id}${where}: ${title}`], terminal, (line) =>
      severity === 'note' ? bold(line, terminal) : paint(line, severity === 'error' ? 'bad' : 'warning', terminal),
    ),
    ...labelled('  seen', evidence, terminal),
    ...labelled('  cause', [cause], terminal),
    ...labelled(`  do${mark}`, [fix.text], terminal),
    // Whole, whatever the width: they are to be copied.
    ...fix.commands.map((command) => `${' '.repeat(LABEL_COLUMNS)}  $ ${command}\n`),
  ].join('');
}

function labelled(
  label: string,
  texts: readonly string[],
  terminal: Terminal,
  mark: (line: string) => string = (line) => line,
): string[] {
  const width = widthOf(terminal) - LABEL_COLUMNS;
  return texts
    .flatMap((text) => wrap(text, width))
    .map((line, index) => `${mark(`${(index === 0 ? label : '').padEnd(LABEL_COLUMNS)}${line}`)}\n`);
}

function countsOf(findings: readonly Pick<Finding, 'severity'>[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const counts = [errors === 0 ? '' : count(errors, 'error'), warnings === 0 ? '' : count(warnings, 'warning')];
  return counts.filter((text) => text !== '').join(' and ');
}

function scopeOf({ checks }: Diagnosis): string {
  const skipped = checks.filter(({ outcome }) => outcome === 'skipped');
  const reasons = [...new Set(skipped.map(({ reason }) => reason))].join('; ');
  const made = count(checks.length - skipped.length, 'check');
  return skipped.length === 0 ? `${made} made` : `${made} made, ${skipped.length} skipped: ${reasons}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function widthOf({ widthColumns }: Terminal): number {
  return widthColumns ?? Infinity;
}

function lines(...texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
