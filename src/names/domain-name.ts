/**
 * Domain names (RFC 1035, section 3.1) as labels: of each octet one character, as it was asked. Compared without regard to the case of
 * ASCII letters (RFC 4343).
 */

/** Of names of pods and nodes, if nothing else is said: `internal` is set aside for private names, as 10/8 is for addresses. */
export const DEFAULT_DOMAIN = 'weft.internal';

/** Longest label, in octets. */
export const MAX_LABEL_OCTETS = 63;

/** Longest name as text without a dot at its end: 255 octets on the wire are a length before each label, and the root. */
export const MAX_NAME_LENGTH = 253;

/** What a label of a pod or node may be made of: what clients agree to look up. `_` is not in RFC 1123, but in names of pods that exist. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

/** Labels of a name in lower case; a dot at its end is the root. `undefined`: no name that a pod, a node or the domain may have. */
export function parseDomainName(text: string): readonly string[] | undefined {
  const labels = lowerCase(text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  const isName = labels.every((label) => label.length <= MAX_LABEL_OCTETS && LABEL.test(label));
  return isName && labels.join('.').length <= MAX_NAME_LENGTH ? labels : undefined;
}

/** ASCII letters in lower case, and all other octets as they are. */
export function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The labels before `suffix`; `undefined` if the name does not end so. Both in lower case. */
export function labelsBefore(labels: readonly string[], suffix: readonly string[]): readonly string[] | undefined {
  const rest = labels.length - suffix.length;
  if (rest < 0 || !suffix.every((label, at) => labels[rest + at] === label)) return undefined;
  return labels.slice(0, rest);
}
