/** What a container of a runtime is called among pods: by what DNS can carry, whatever the runtime calls it. Pure but for a hash. */
import { createHash } from 'node:crypto';
import { DEFAULT_NAMESPACE, isDnsLabel, MAX_DNS_LABEL_LENGTH } from '../../directory/pod-name.ts';

/** Of the hash that tells two names apart which are cut to the same. */
const HASH_DIGITS = 8;

/** A name and namespace, and what the runtime says, where that is something else. */
export interface AttachmentName {
  readonly name: string;
  readonly namespace: string;
  readonly givenName?: string;
}

/** @param podName absent: by its container id. */
export function attachmentName(
  containerId: string,
  podName: string | undefined,
  podNamespace: string | undefined,
): AttachmentName {
  const given = podName === undefined || podName === '' ? containerId : podName;
  const givenNamespace = podNamespace === undefined || podNamespace === '' ? DEFAULT_NAMESPACE : podNamespace;
  const [name, namespace] = [dnsLabelFor(given), dnsLabelFor(givenNamespace)];
  const isAsGiven = name === given && namespace === givenNamespace;
  // A container id is nobody's choice.
  if (isAsGiven || given === containerId) return { name, namespace };
  return { name, namespace, givenName: podNamespace === undefined ? given : `${givenNamespace}/${given}` };
}

/** The text itself if DNS can carry it, else the nearest label that it can, with a hash of the text at its end. */
function dnsLabelFor(text: string): string {
  if (isDnsLabel(text)) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
  const label = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_DNS_LABEL_LENGTH - HASH_DIGITS - 1)
    .replaceAll(/^-+|-+$/g, '');
  return label === '' ? hash : `${label}-${hash}`;
}
