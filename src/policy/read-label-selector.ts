/** Label selectors, from `metav1.LabelSelector` (k8s.io/apimachinery), which what is selected by is made of. */
import type { LabelRequirement, LabelSelector } from './label-selector.ts';
import { problemsOfLabelKey, problemsOfLabelValue } from './name-syntax.ts';
import type { ObjectValue } from './object-value.ts';
import { readLabels } from './read-labels.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** One that is not set selects everything. */
export function readLabelSelector(selector: ObjectValue): LabelSelector {
  selector.allow(['matchLabels', 'matchExpressions']);
  const labels = readLabels(selector.field('matchLabels'));
  const equalities = Object.entries(labels).map(([key, value]): LabelRequirement => {
    return { key, operator: 'In', values: [value] };
  });
  return [...equalities, ...selector.field('matchExpressions').entries().map(readRequirement)];
}

function readRequirement(expression: ObjectValue): LabelRequirement {
  expression.allow(['key', 'operator', 'values']);
  const key = expression.field('key').text() ?? '';
  for (const problem of problemsOfLabelKey(key)) expression.field('key').invalid(problem, key);
  const values = expression.field('values');
  const texts = values.entries().map((value) => {
    const text = value.text() ?? '';
    for (const problem of problemsOfLabelValue(text)) value.invalid(problem, text);
    return text;
  });
  const operator = readOperator(expression.field('operator'));
  const hasValues = operator === 'In' || operator === 'NotIn';
  if (hasValues && texts.length === 0) values.required("must be specified when `operator` is 'In' or 'NotIn'");
  if (!hasValues && operator !== undefined && texts.length > 0)
    values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  return { key, operator: operator ?? 'In', values: texts };
}

function readOperator(operator: ObjectValue): LabelRequirement['operator'] | undefined {
  const text = operator.text() ?? '';
  const known = operators.find((one) => one === text);
  if (known === undefined) operator.invalid('not a valid selector operator', text);
  return known;
}
