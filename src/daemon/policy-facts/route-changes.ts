/** Which prefixes lead to another node than before, or to none, or to one for the first time. */
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { comparePrefixes, type Prefix } from '../../wire/prefix.ts';

type Route = Pick<ResolvedRoute, 'prefix' | 'owner'>;

/** Both in order of their prefixes, each prefix once, as routes in use are. */
export function changedPrefixes(before: readonly Route[], after: readonly Route[]): Prefix[] {
  const changed: Prefix[] = [];
  let [old, now] = [0, 0];
  while (old < before.length || now < after.length) {
    const [gone, come] = [before[old], after[now]];
    const order = gone === undefined ? 1 : come === undefined ? -1 : comparePrefixes(gone.prefix, come.prefix);
    if (order !== 0) changed.push((order < 0 ? gone : come)!.prefix);
    else if (gone!.owner.identity !== come!.owner.identity) changed.push(gone!.prefix);
    if (order <= 0) old++;
    if (order >= 0) now++;
  }
  return changed;
}
