/** What a pod is called: a name, unique in its namespace. DNS carries both. */

/** Namespace of whoever says none. */
export const DEFAULT_NAMESPACE = 'default';

/** Of a name and of a namespace (RFC 1123, section 2.1; RFC 1035, section 2.3.4). */
export const MAX_DNS_LABEL_LENGTH = 63;

/** What {@link isDnsLabel} asks for, for messages. */
export const DNS_LABEL_RULE =
  '1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends: what DNS can carry';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Whether a text may be the name of a pod, or of a namespace: an RFC 1123 label, in lower case as in Kubernetes. */
export function isDnsLabel(text: string): boolean {
  return text.length <= MAX_DNS_LABEL_LENGTH && DNS_LABEL.test(text);
}

/** How people are told of a pod: `web`, or `shop/web` in a namespace other than {@link DEFAULT_NAMESPACE}. A name has no slash. */
export function podTitle(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

/** The same pod in the words of a command line: `web --namespace shop`. */
export function podArguments(title: string): string {
  const slash = title.indexOf('/');
  return slash === -1 ? title : `${title.slice(slash + 1)} --namespace ${title.slice(0, slash)}`;
}
