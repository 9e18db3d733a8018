/** What a status says of the rulebook. */
import type { Notice } from '../../api/control-api.ts';
import type { Rulebook } from '../../rulebook/rulebook.ts';

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
