/** What is wrong with policies, as text. Pure. */
import { bold, paint, type Terminal } from '../terminal/terminal.ts';
import { remarkLine } from './policy-files.ts';
import type { PolicyCheck } from './policy-remarks.ts';

/** A line for each remark, whole whatever the width, as compilers have them: programs find the place in it. Then what there is. */
export function formatPolicyCheck(check: PolicyCheck, terminal: Terminal): string {
  const { files, policies, remarks, passedOver } = check;
  const [errors, warnings] = (['error', 'warning'] as const).map(
    (severity) => remarks.filter((one) => one.severity === severity).length,
  ) as [number, number];
  const found = [
    errors === 0 ? '' : plural(errors, 'error'),
    warnings === 0 ? '' : plural(warnings, 'warning'),
    errors + warnings === 0 ? 'nothing is wrong' : '',
  ].filter((text) => text !== '');
  const others = Object.entries(passedOver).map(([kind, count]) => `${count} ${kind === '' ? 'without a kind' : kind}`);
  const counts = `${plural(policies.length, 'policy', 'policies')} in ${files === null ? 'the running cluster' : plural(files, 'file')}`;
  const tone = errors > 0 ? 'bad' : warnings > 0 ? 'warning' : 'good';
  return [
    ...remarks.map((remark) => paint(remarkLine(remark), remark.severity === 'error' ? 'bad' : 'warning', terminal)),
    `${counts}: ${bold(paint(found.join(', '), tone, terminal), terminal)}`,
    ...(others.length === 0 ? [] : [paint(`passed over: ${others.join(', ')}`, 'faint', terminal)]),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}
