/** What a status says of the rulebook. */
import type { Notice } from '../../api/control-api.ts';
import type { Rulebook } from '../../rulebook/rulebook.ts';
import type { RulebookObjects } from './rulebook-objects.ts';

/** Services that are named; the others are counted. */
const MAX_NAMED = 4;

export function rulebookNotices(rulebook: Pick<Rulebook, 'refuses'>): readonly Notice[] {
  const notices: Notice[] = [];
  if (rulebook.refuses('rulebook-full'))
    notices.push({
      code: 'rulebook-full',
      message:
        'other nodes hold policies, services or namespaces for which there is no room here: they are not enforced on this node; delete some with weft policy delete',
    });
  if (rulebook.refuses('entry-invalid'))
    notices.push({
      code: 'rulebook-entry-invalid',
      message:
        'other nodes hold policies, services or namespaces that this version does not take: they are not enforced on this node; give it the version of the others',
    });
  return notices;
}

/** What it says of services that are not there on this node, as it cannot read them. */
export function unreadableServiceNotices(objects: Pick<RulebookObjects, 'unreadableServices'>): readonly Notice[] {
  const all = [...objects.unreadableServices].sort(([a], [b]) => (a < b ? -1 : 1));
  if (all.length === 0) return [];
  const named = all.slice(0, MAX_NAMED).map(([key, { problem }]) => `${key} (${problem})`);
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : '';
  const message = `this version cannot read services that were given at another node, and does not have them: ${named.join(', ')}${more}; their addresses stay theirs; give this node the version of the others`;
  return [{ code: 'service-unreadable', message }];
}
