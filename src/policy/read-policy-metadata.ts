/** What a policy is called, and whether it only tells what it would do: from its `metadata`. */
import { problemsOfName, problemsOfNamespace } from './name-syntax.ts';
import type { ObjectValue } from './object-value.ts';

/** The annotation by which a policy is in audit mode: `audit`, or `enforce`, which it is without. */
const MODE_ANNOTATION = 'weft.dev/policy-mode';

/** Where kubectl puts a policy whose file has no namespace. */
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

export interface PolicyMetadata {
  /** Empty: of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly isAudit: boolean;
}

/** Of an object that has a namespace, or must not have one. */
export function readPolicyMetadata(object: ObjectValue, isNamespaced: boolean): PolicyMetadata {
  const metadata = object.field('metadata');
  metadata.allow(FIELDS);
  const name = metadata.field('name').text() ?? '';
  if (name === '') metadata.field('name').required('name or generateName is required');
  else for (const problem of problemsOfName(name)) metadata.field('name').invalid(problem);
  return { namespace: readNamespace(metadata.field('namespace'), isNamespaced), name, isAudit: readMode(metadata) };
}

function readNamespace(field: ObjectValue, isNamespaced: boolean): string {
  const namespace = field.text() ?? '';
  if (!isNamespaced) {
    if (namespace !== '') field.forbidden('not allowed on this type');
    return '';
  }
  if (namespace === '') return DEFAULT_NAMESPACE;
  for (const problem of problemsOfNamespace(namespace)) field.invalid(problem);
  return namespace;
}

function readMode(metadata: ObjectValue): boolean {
  const mode = metadata.field('annotations').entry(MODE_ANNOTATION);
  return mode.isSet && mode.oneOf(['audit', 'enforce']) === 'audit';
}
