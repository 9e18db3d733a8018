/** The routes in use, against those that follow from what gossip knows now. */
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { comparePrefixes, formatPrefix } from '../../wire/prefix.ts';
import type { Finding } from './audit-finding.ts';

/** Both are in order of their prefixes, with at most one route for each. */
export function routeFindings(wanted: readonly ResolvedRoute[], found: readonly ResolvedRoute[]): Finding[] {
  const findings: Finding[] = [];
  for (let next = 0, present = 0; next < wanted.length || present < found.length;) {
    const route = wanted[next];
    const other = found[present];
    const order = route === undefined ? 1 : other === undefined ? -1 : comparePrefixes(route.prefix, other.prefix);
    if (order <= 0) next++;
    if (order >= 0) present++;
    if (order < 0) findings.push(missing(route!));
    else if (order > 0) findings.push(stale(other!));
    else if (!isSame(route!, other!)) findings.push(wrong(route!, other!));
  }
  return findings;
}

function missing(route: ResolvedRoute): Finding {
  const subject = formatPrefix(route.prefix);
  return { problem: 'missing', subject, message: `${subject} of ${ownerOf(route)} is not in use` };
}

function stale(route: ResolvedRoute): Finding {
  const subject = formatPrefix(route.prefix);
  return { problem: 'stale', subject, message: `${subject} of ${ownerOf(route)} is in use, and gone` };
}

function wrong(route: ResolvedRoute, other: ResolvedRoute): Finding {
  const subject = formatPrefix(route.prefix);
  const message = `${subject} is in use as that of ${ownerOf(other)}, and it is that of ${ownerOf(route)}`;
  return { problem: 'wrong', subject, message };
}

function isSame({ owner: a, version }: ResolvedRoute, { owner: b, version: other }: ResolvedRoute): boolean {
  return a.kind === b.kind && a.identity === b.identity && a.name === b.name && version === other;
}

function ownerOf({ owner: { kind, name, identity }, version }: ResolvedRoute): string {
  return kind === 'static' ? `static peer ${name}` : `${name} (${identity}), version ${version}`;
}
