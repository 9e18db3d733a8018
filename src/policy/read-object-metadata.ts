/** What an object is called, from its `metadata`. */
import { problemsOfName, problemsOfDnsLabel } from './name-syntax.ts';
import type { ObjectValue } from './object-value.ts';

/** Where kubectl puts an object whose file has no namespace. */
const DEFAULT_NAMESPACE = 'default';

/** `metav1.ObjectMeta` (k8s.io/apimachinery). */
const FIELDS = [
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'labels',
  'managedFields',
  'name',
  'namespace',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
];

export interface ObjectMetadata {
  /** Empty: of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
}

/**
 * Of an object that has a namespace, or must not have one.
 *
 * @param problemsOf what is wrong with a name, as in `name-syntax.ts`: not all kinds take the same
 */
export function readObjectMetadata(
  metadata: ObjectValue,
  isNamespaced: boolean,
  problemsOf: (name: string) => readonly string[] = problemsOfName,
): ObjectMetadata {
  metadata.allow(FIELDS);
  const name = metadata.field('name').text() ?? '';
  if (name === '') metadata.field('name').required('name or generateName is required');
  else for (const problem of problemsOf(name)) metadata.field('name').invalid(problem);
  return { namespace: readNamespace(metadata.field('namespace'), isNamespaced), name };
}

function readNamespace(field: ObjectValue, isNamespaced: boolean): string {
  const namespace = field.text() ?? '';
  if (!isNamespaced) {
    if (namespace !== '') field.forbidden('not allowed on this type');
    return '';
  }
  if (namespace === '') return DEFAULT_NAMESPACE;
  for (const problem of problemsOfDnsLabel(namespace)) field.invalid(problem);
  return namespace;
}
