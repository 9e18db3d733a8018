/** From a function that parses to a schema: the way in which all schemas of config values are made. */
import * as v from 'valibot';

/** What is wrong with a value; completes "KEY: ...". */
export interface Problem {
  readonly problem: string;
}

/** A {@link Problem}. */
export function problem(message: string): Problem {
  return { problem: message };
}

/** A schema from a function that returns a value or a problem. */
export function parsed<Value>(parse: (input: unknown) => Value | Problem) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Value>(({ dataset, addIssue, NEVER }) => {
      const result = parse(dataset.value);
      if (!isProblem(result)) return result;
      addIssue({ message: result.problem });
      return NEVER;
    }),
  );
}

/** The same for input that must be text. */
export function text<Value>(parse: (input: string) => Value | Problem) {
  return parsed((input): Value | Problem => {
    if (typeof input !== 'string') return problem(`${show(input)} is not text${isScalar(input) ? ': quote it' : ''}`);
    return input === '' ? problem('is empty') : parse(input);
  });
}

function isProblem(result: unknown): result is Problem {
  return typeof result === 'object' && result !== null && 'problem' in result;
}

function isScalar(input: unknown): boolean {
  return typeof input === 'number' || typeof input === 'boolean';
}

/** The input as a message quotes it. */
export function show(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (input === null || input === undefined) return 'nothing';
  if (typeof input === 'object') return 'a group of keys';
  return typeof input === 'string' ? input : JSON.stringify(input);
}
