/** Labels of a Pod object as other nodes take them: fewer than Kubernetes does. */
import { MAX_POD_BYTES } from '../directory/limits.ts';
import { MAX_LABELS, type PodLabels, problemOfLabels } from '../directory/pod-labels.ts';

/** What is left for labels beside name, namespace, addresses and some ports, in bytes. */
export const MAX_LABELS_BYTES = MAX_POD_BYTES - 1_024;

/** Of one label beside its texts: tags and lengths, at most. */
const LABEL_OVERHEAD_BYTES = 10;

/** As many as fit, in order of their keys, so that it is the same ones each time; and how many do not. */
export function fittingLabels(labels: PodLabels): {
  readonly labels: PodLabels;
  /** Of all of them when encoded, at most. */
  readonly lengthBytes: number;
  readonly cut: number;
} {
  const all = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  let lengthBytes = 0;
  const fitting = all.filter(([key, value], at) => {
    // Both are ASCII, or no labels.
    const withItBytes = lengthBytes + key.length + value.length + LABEL_OVERHEAD_BYTES;
    const isFitting =
      at < MAX_LABELS && withItBytes <= MAX_LABELS_BYTES && problemOfLabels({ [key]: value }) === undefined;
    if (isFitting) lengthBytes = withItBytes;
    return isFitting;
  });
  return { labels: Object.fromEntries(fitting), lengthBytes, cut: all.length - fitting.length };
}
