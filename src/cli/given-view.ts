/** What became of objects that were given, as text. Pure. */
import type { GivenOutcome } from '../api/rulebook-api.ts';

const words = {
  created: 'created',
  configured: 'configured',
  unchanged: 'unchanged',
  deleted: 'deleted',
  absent: 'not found',
} as const satisfies Record<GivenOutcome['outcome'], string>;

/** What to do about a name that was not found; empty: nothing. People leave out namespaces, as kubectl adds them. */
export function hintOfAbsent(results: readonly GivenOutcome[]): string {
  return results
    .filter(({ kind, outcome }) => kind === 'ClusterNetworkPolicy' && outcome === 'absent')
    .map(
      ({ name }) =>
        `no ClusterNetworkPolicy is called ${name}; a NetworkPolicy is written NAMESPACE/NAME: default/${name}\n`,
    )
    .join('');
}

/** A line for each, as kubectl has it: `networkpolicy shop/web created`. */
export function formatOutcomes(results: readonly GivenOutcome[]): string {
  return results
    .map(({ kind, namespace, name, outcome }) => {
      const title = namespace === '' ? name : `${namespace}/${name}`;
      return `${kind.toLowerCase()} ${title} ${words[outcome]}\n`;
    })
    .join('');
}
