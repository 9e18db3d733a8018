/** What a policy is called, and whether it only tells what it would do: from its `metadata`. */
import type { ObjectValue } from './object-value.ts';
import { type ObjectMetadata, readObjectMetadata } from './read-object-metadata.ts';

/** The annotation by which a policy is in audit mode: `audit`, or `enforce`, which it is without. */
const MODE_ANNOTATION = 'weft.dev/policy-mode';

export interface PolicyMetadata extends ObjectMetadata {
  readonly isAudit: boolean;
}

/** Of an object that has a namespace, or must not have one. */
export function readPolicyMetadata(object: ObjectValue, isNamespaced: boolean): PolicyMetadata {
  const metadata = object.field('metadata');
  return { ...readObjectMetadata(metadata, isNamespaced), isAudit: readMode(metadata) };
}

function readMode(metadata: ObjectValue): boolean {
  const mode = metadata.field('annotations').entry(MODE_ANNOTATION);
  return mode.isSet && mode.oneOf(['audit', 'enforce']) === 'audit';
}
