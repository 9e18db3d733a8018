/** Files of what is given to a cluster: if one of the objects in them is wrong, none is given. */
import { WeftError } from '../errors.ts';
import { type ManifestObject, readPolicyFiles, remarkLine } from './policy-files.ts';
import { readServices } from './service-files.ts';

/** What stands for the standard input, and where that is. */
const STANDARD_INPUT = '-';
const STANDARD_INPUT_FILE = '/dev/stdin';

/**
 * All policies, services and namespaces of files and directories.
 *
 * @param remark told what is odd, and what is passed over
 * @throws WeftError `usage` that says what is wrong in which place, in the words of the API; or that there is nothing
 */
export function readGivenFiles(paths: readonly string[], remark: (line: string) => void): readonly ManifestObject[] {
  const policies = readPolicyFiles(paths.map((path) => (path === STANDARD_INPUT ? STANDARD_INPUT_FILE : path)));
  const services = readServices(policies.services);
  const objects = [...policies.objects, ...services.objects];
  const remarks = [...policies.remarks, ...services.remarks];
  const errors = remarks.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new WeftError('usage', errors.map(remarkLine).join('\n'));
  for (const [kind, whole] of policies.passedOver) {
    const count = kind === 'Service' ? whole - policies.services.length : whole;
    if (count > 0) remark(`passed over: ${count} ${kind === '' ? 'without a kind' : kind}`);
  }
  if (objects.length === 0)
    throw new WeftError('usage', `${paths.join(', ')}: neither a policy nor a service or namespace is here`);
  for (const one of remarks) if (one.policy !== '') remark(remarkLine(one));
  return objects;
}
