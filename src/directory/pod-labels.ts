/** Labels of a pod: what policies and services select it by. Syntax and limits are those of Kubernetes, but for the number of them. */

export type PodLabels = Readonly<Record<string, string>>;

/** Most labels of one pod: each is spread through the whole cluster. Kubernetes has no such limit. */
export const MAX_LABELS = 64;

/** Of the part of a key behind the slash, and of a value. */
const MAX_PART_LENGTH = 63;

/** Of the part of a key before the slash: a DNS name. */
const MAX_PREFIX_LENGTH = 253;

const PART = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const DNS_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

const PART_RULE = 'at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit at both ends';

/** What is wrong with these labels, the first of it: completes "labels: …". `undefined`: nothing. */
export function problemOfLabels(labels: PodLabels): string | undefined {
  const all = Object.entries(labels);
  if (all.length > MAX_LABELS) return `are ${all.length}, and a pod has at most ${MAX_LABELS}`;
  for (const [key, value] of all) {
    const problem = problemOfKey(key) ?? problemOfValue(key, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `app=web` -> its key and value; the value may be empty. `undefined`: there is no equals sign. */
export function splitLabel(text: string): readonly [key: string, value: string] | undefined {
  const at = text.indexOf('=');
  return at === -1 ? undefined : [text.slice(0, at), text.slice(at + 1)];
}

/** `app=web,tier=front`, in order of the keys; empty without labels. */
export function formatLabels(labels: PodLabels): string {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]!}`)
    .join(',');
}

export function equalLabels(a: PodLabels, b: PodLabels): boolean {
  return formatLabels(a) === formatLabels(b);
}

function problemOfKey(key: string): string | undefined {
  const slash = key.indexOf('/');
  const [prefix, name] = slash === -1 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  if (prefix !== undefined && !(prefix.length <= MAX_PREFIX_LENGTH && DNS_NAME.test(prefix)))
    return `${shown(key)} is not a key: what stands before the slash is a DNS name in lower case`;
  return isPart(name) ? undefined : `${shown(key)} is not a key: a name has ${PART_RULE}`;
}

function problemOfValue(key: string, value: string): string | undefined {
  if (value === '' || isPart(value)) return undefined;
  return `${shown(value)} is not a value for ${key}: it is empty, or has ${PART_RULE}`;
}

function isPart(text: string): boolean {
  return text.length <= MAX_PART_LENGTH && PART.test(text);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
