/** Policies of a running cluster, as text. Pure. */
import type { SilentNode } from '../api/silent-node.ts';
import { printable } from '../terminal/printable.ts';
import { type Cell, formatTable, hanging, toned, wrap } from '../terminal/table.ts';
import { paint, type Terminal, type Tone } from '../terminal/terminal.ts';
import { formatSince } from './duration.ts';
import type { ListedPolicy, PolicyListing, SelectedPods } from './policy-listing.ts';

const tierColumn = { title: 'TIER' } as const;

const columns = [
  { title: 'POLICY', wraps: true },
  { title: 'DIRECTION' },
  { title: 'STATE' },
  { title: 'PODS', align: 'right' },
  { title: 'HERE', align: 'right' },
  { title: 'ALLOWED', align: 'right' },
  { title: 'DENIED', align: 'right' },
  { title: 'LAST USE' },
] as const;

/** What is wrong with one policy, in characters: whoever writes it has his words in it. */
const MAX_PROBLEM = 300;

/** Nodes that are named in one line. */
export const MAX_NAMED = 8;

/**
 * In the order in which they are asked, with tiers if there are several, and below them what is wrong, and what is not known.
 *
 * @param namespaces that were asked about; none: all
 */
export function formatPolicyList(
  listing: PolicyListing,
  terminal: Terminal,
  nowMs: number,
  namespaces: readonly string[] = [],
): string {
  const { policies, node } = listing;
  const where = namespaces.length === 0 ? '' : ` in ${namespaces.join(', ')}`;
  if (policies.length === 0) return `no network policies${where}\n${formatRemarks(listing, terminal)}`;
  const hasTiers = policies.some(({ tier }) => tier !== 'namespace');
  const [first, ...rest] = columns;
  const rows = policies.map((policy): readonly Cell[] => [
    policy.policy,
    ...(hasTiers ? [tierText(policy)] : []),
    policy.directions.length > 1 ? 'both' : (policy.directions[0] ?? ''),
    toned(...stateOf(policy)),
    podCell(policy.pods),
    policy.pods.own,
    policy.allowed,
    deniedCell(policy),
    policy.last === '' ? toned('never', policy.pods.all === 0 ? undefined : 'warning') : agoText(policy.last, nowMs),
  ]);
  const footer =
    `HERE: pods of ${node}. ALLOWED are connections, DENIED packets (of audit mode: that it would deny), of all nodes, ` +
    'since their daemons started or the rules came; weft policy show NAME has them rule by rule';
  const problems = policies.flatMap(({ policy, state, problems: [problem] }) => {
    if (problem === undefined) return [];
    const what = state === 'closed' ? 'cannot be read, and denies everything' : 'is not understood in part';
    const text = printable(`${policy} ${what}: ${problem.slice(0, MAX_PROBLEM)}`);
    return hanging('', text, terminal).map((line) => paint(line, state === 'closed' ? 'bad' : 'warning', terminal));
  });
  return [
    formatTable(hasTiers ? [first, tierColumn, ...rest] : columns, rows, terminal),
    '\n',
    ...wrap(footer, terminal.widthColumns ?? Infinity).map((line) => `${paint(line, 'faint', terminal)}\n`),
    ...problems.map((line) => `${line}\n`),
    formatRemarks(listing, terminal),
  ].join('');
}

/** `3 s ago`, `2 h ago`: a last use is not known more exactly than to some seconds. To be asked of times alone. */
export function agoText(time: string, nowMs: number): string {
  const [count, unit] = formatSince(time, nowMs).split(' ');
  return `${count!} ${unit!} ago`;
}

/** Why it may be otherwise, and whose counts are not in it. */
export function formatRemarks(
  { notices, missing }: { readonly notices: readonly string[]; readonly missing: readonly SilentNode[] },
  terminal: Terminal,
): string {
  const byReason = Map.groupBy(missing, ({ message }) => message);
  const silent = [...byReason].map(([message, nodes]) => {
    const names = nodes.slice(0, MAX_NAMED).map(({ node }) => node);
    const more = nodes.length > names.length ? ` and ${nodes.length - names.length} more` : '';
    return `not counted: ${names.join(', ')}${more}: ${message}`;
  });
  return [...notices, ...silent]
    .flatMap((text) => hanging('notice ', printable(text), terminal))
    .map((line) => `${paint(line, 'warning', terminal)}\n`)
    .join('');
}

/** `admin 10`, and of NetworkPolicies nothing. */
export function tierText({ tier, priority }: Pick<ListedPolicy, 'tier' | 'priority'>): string {
  return tier === 'namespace' ? '' : `${tier} ${priority}`;
}

export function stateOf({ state, mode }: Pick<ListedPolicy, 'state' | 'mode'>): [string, Tone | undefined] {
  if (state === 'closed') return ['closed', 'bad'];
  if (mode === 'audit') return ['audit', 'warning'];
  return state === 'partly' ? ['partly', 'warning'] : ['enforced', 'good'];
}

function podCell({ all, unknown }: SelectedPods): Cell {
  if (unknown > 0) return toned(`${all} (${unknown}?)`, 'warning');
  return all === 0 ? toned('0', 'warning') : all;
}

function deniedCell({ denied, audited }: ListedPolicy): Cell {
  if (audited > 0) return toned(`(${audited})`, 'warning');
  return denied === 0 ? denied : toned(String(denied), 'bad');
}
