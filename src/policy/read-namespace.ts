/** What is wrong with a Namespace, in the words of the Kubernetes API. What it says beyond its name and labels nobody asks. */
import { problemsOfLabelKey, problemsOfLabelValue, problemsOfNamespace } from './name-syntax.ts';
import { ObjectValue } from './object-value.ts';

/** Empty: nothing. */
export function problemsOfNamespaceObject(object: unknown): readonly string[] {
  const whole = new ObjectValue(object);
  const version = whole.field('apiVersion').text() ?? '';
  if (version !== 'v1') return [`no matches for kind "Namespace" in version ${JSON.stringify(version)}`];
  const metadata = whole.field('metadata');
  const name = metadata.field('name').text() ?? '';
  if (name === '') metadata.field('name').required('name or generateName is required');
  else for (const problem of problemsOfNamespace(name)) metadata.field('name').invalid(problem);
  if ((metadata.field('namespace').text() ?? '') !== '')
    metadata.field('namespace').forbidden('not allowed on this type');
  const labels = metadata.field('labels');
  for (const [key, value] of labels.texts()) {
    for (const problem of problemsOfLabelKey(key)) labels.invalid(problem, key);
    for (const problem of problemsOfLabelValue(value)) labels.invalid(problem, value);
  }
  return whole.problems;
}
