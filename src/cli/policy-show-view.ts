/** One policy of a running cluster, as text. Pure. */
import { printable } from '../terminal/printable.ts';
import { type Cell, formatTable, hanging, toned } from '../terminal/table.ts';
import { bold, paint, type Terminal, type Tone } from '../terminal/terminal.ts';
import { formatSince } from './duration.ts';
import type { DetailedRule, OtherDenial, PolicyDetail, Use } from './policy-detail.ts';
import { agoText, formatRemarks, stateOf, tierText } from './policy-list-view.ts';

const columns = [
  { title: 'RULE' },
  { title: 'DOES' },
  { title: 'WHOM', wraps: true },
  { title: 'PEERS', align: 'right' },
  { title: 'COUNT', align: 'right' },
  { title: 'LAST USE' },
] as const;

const otherColumns = [
  { title: 'DENIED WITHOUT A RULE', wraps: true },
  { title: 'DIRECTION' },
  { title: 'PACKETS', align: 'right' },
  { title: 'LAST' },
] as const;

/** Pods that are named. */
const MAX_PODS = 12;

/** Why no rule of the policy is asked, see `MAX_NODE_MATCHES`. */
const WITHOUT_ROOM = '(too-many-rules)';

/** What it is and whom it selects, its rules in order, and what is denied without one. */
export function formatPolicyDetail(detail: PolicyDetail, terminal: Terminal, nowMs: number): string {
  const { rules, others } = detail;
  return [
    ...headLines(detail, terminal).map((line) => `${line}\n`),
    rules.length === 0 ? '' : `\n${ruleTable(rules, terminal, nowMs)}`,
    others.length === 0 ? '' : `\n${otherTable(others, terminal, nowMs)}`,
    '\n',
    ...footerLines(detail, terminal, nowMs).map((line) => `${paint(line, 'faint', terminal)}\n`),
    ...roomLines(others, terminal).map((line) => `${line}\n`),
    formatRemarks(detail, terminal),
  ].join('');
}

function headLines(detail: PolicyDetail, terminal: Terminal): readonly string[] {
  const { policy, kind, source, directions, subject, pods, problems, state } = detail;
  const [word, tone] = stateOf(detail);
  const tier = tierText(detail);
  const selects = pods.filter(({ known }) => known);
  const own = selects.filter(({ node }) => node === detail.node).length;
  const unsure = pods.length - selects.length;
  const maybe = unsure === 0 ? '' : `, and perhaps ${unsure} more, whose labels are not known`;
  const selected =
    pods.length === 0 ? paint('selects no pod', 'warning', terminal) : `selects ${selects.length}, ${own} here${maybe}`;
  const words = ['', tier === '' ? '' : ` of tier ${tier}`, ` from ${source}`].join('');
  const doing = kind === 'NetworkPolicy' ? 'isolates' : 'judges';
  const named = pods
    .slice(0, MAX_PODS)
    .map((one) => `${one.pod} (${one.node}${one.known ? '' : ', labels not known'})`);
  const more = pods.length > named.length ? ` and ${pods.length - named.length} more` : '';
  return [
    `${bold(policy, terminal)}  ${kind}${words}, ${paint(word, tone, terminal)}`,
    ...hanging('  ', printable(`${doing} ${subject} in ${directions.join(' and ')}`), terminal),
    `  ${selected}`,
    ...(named.length === 0 ? [] : hanging('  ', printable(`${named.join(', ')}${more}`), terminal)),
    ...problems.flatMap((problem) =>
      hanging('  ', printable(problem), terminal).map((line) =>
        paint(line, state === 'closed' ? 'bad' : 'warning', terminal),
      ),
    ),
  ];
}

const actionTones: Readonly<Record<DetailedRule['action'], Tone | undefined>> = {
  allow: 'good',
  deny: 'bad',
  pass: undefined,
};

function ruleTable(rules: readonly DetailedRule[], terminal: Terminal, nowMs: number): string {
  const rows = rules.map(({ place, action, meaning, title, peers, ...use }): readonly Cell[] => [
    place,
    toned(action, actionTones[action]),
    title === '' ? printable(meaning) : [printable(meaning), printable(`"${title}"`)],
    peers === 0 ? toned('0', 'warning') : (peers ?? ''),
    ...useCells(use, nowMs),
  ]);
  return formatTable(columns, rows, terminal);
}

/** A rule that judges pods and was never used stands out. */
function useCells({ count, last, since }: Use, nowMs: number): readonly [Cell, Cell] {
  if (since === '') return ['', ''];
  return count === 0 || last === '' ? [0, toned('never', 'warning')] : [count, agoText(last, nowMs)];
}

function otherTable(others: readonly OtherDenial[], terminal: Terminal, nowMs: number): string {
  const rows = others.map(({ cause, direction, effect, count, last }): readonly Cell[] => [
    printable(cause),
    direction,
    effect === 'audited' ? toned(`(${count})`, count > 0 ? 'warning' : undefined) : count,
    last === '' ? '' : agoText(last, nowMs),
  ]);
  return formatTable(otherColumns, rows, terminal);
}

function footerLines({ rules, others }: PolicyDetail, terminal: Terminal, nowMs: number): readonly string[] {
  const uses: readonly Use[] = [...rules, ...others];
  const nodes = new Set(uses.flatMap((use) => use.nodes));
  if (nodes.size === 0) return hanging('', 'no node counts it: it judges no pod', terminal);
  const since = uses.reduce((latest, use) => (use.since > latest ? use.since : latest), '');
  const who = nodes.size === 1 ? [...nodes][0]! : `${nodes.size} nodes`;
  const text =
    `counted by ${who} for ${formatSince(since, nowMs)} or longer: connections that a rule allows or passes, and packets ` +
    'that one denies or, in audit mode, (would deny); a last use may be 10 s older';
  return hanging('', printable(text), terminal);
}

/** Nodes that deny everything, as they have no room for the rules. */
function roomLines(others: readonly OtherDenial[], terminal: Terminal): readonly string[] {
  const nodes = new Set(others.filter(({ cause }) => cause.includes(WITHOUT_ROOM)).flatMap((one) => one.nodes));
  if (nodes.size === 0) return [];
  const text = `its rules are not asked at ${[...nodes].join(', ')}: there is no room for them, and what they would allow is denied`;
  return hanging('', printable(text), terminal).map((line) => paint(line, 'bad', terminal));
}
