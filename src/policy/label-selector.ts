/** Label selectors of Kubernetes: `metav1.LabelSelector` of k8s.io/apimachinery. */

/** All must hold; none: it selects everything. */
export type LabelSelector = readonly LabelRequirement[];

/** One of `matchLabels` is `In` with one value. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** Whether something with these labels is selected. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

function holds({ key, operator, values }: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const isOneOf = value !== undefined && values.includes(value);
  // Kubernetes: `NotIn` holds where the key is missing, too.
  return operator === 'In' ? isOneOf : !isOneOf;
}
