/** What a status says of the rulebook. */
import type { Notice } from '../../api/control-api.ts';
import type { Rulebook } from '../../rulebook/rulebook.ts';

export function rulebookNotices(rulebook: Pick<Rulebook, 'refused'>): readonly Notice[] {
  const { 'rulebook-full': full, 'entry-invalid': invalid } = rulebook.refused();
  const notices: Notice[] = [];
  if (full > 0)
    notices.push({
      code: 'rulebook-full',
      message:
        'other nodes hold policies or namespaces for which there is no room here: they are not enforced on this node',
    });
  if (invalid > 0)
    notices.push({
      code: 'rulebook-entry-invalid',
      message:
        'other nodes hold policies or namespaces that this version does not take: they are not enforced on this node; give it the version of the others',
    });
  return notices;
}
