/** Labels of an object, or such as it selects by (k8s.io/apimachinery, pkg/apis/meta/v1/validation, `ValidateLabels`). */
import { problemsOfLabelKey, problemsOfLabelValue } from './name-syntax.ts';
import type { ObjectValue } from './object-value.ts';

/** What is wrong with keys and values is a problem of the whole map. */
export function readLabels(labels: ObjectValue): Readonly<Record<string, string>> {
  const pairs = labels.texts();
  for (const [key, value] of pairs) {
    for (const problem of problemsOfLabelKey(key)) labels.invalid(problem, key);
    for (const problem of problemsOfLabelValue(value)) labels.invalid(problem, value);
  }
  return Object.fromEntries(pairs);
}
