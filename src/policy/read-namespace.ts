/** What is wrong with a Namespace, in the words of the Kubernetes API. What it says beyond its name and labels nobody asks. */
import { problemsOfDnsLabel } from './name-syntax.ts';
import { ObjectValue } from './object-value.ts';
import { readLabels } from './read-labels.ts';

/** Empty: nothing. */
export function problemsOfNamespaceObject(object: unknown): readonly string[] {
  const whole = new ObjectValue(object);
  const version = whole.field('apiVersion').text() ?? '';
  if (version !== 'v1') return [`no matches for kind "Namespace" in version ${JSON.stringify(version)}`];
  const metadata = whole.field('metadata');
  const name = metadata.field('name').text() ?? '';
  if (name === '') metadata.field('name').required('name or generateName is required');
  else for (const problem of problemsOfDnsLabel(name)) metadata.field('name').invalid(problem);
  if ((metadata.field('namespace').text() ?? '') !== '')
    metadata.field('namespace').forbidden('not allowed on this type');
  readLabels(metadata.field('labels'));
  return whole.problems;
}
