/** What somebody gives to the cluster, checked: objects become what the rulebook holds, without their status, and what else only an API server says. */
import * as v from 'valibot';
import type { GivenKind } from '../../api/rulebook-api.ts';
import { ConfigError } from '../../errors.ts';
import { readPolicy } from '../../policy/read-policy.ts';
import { problemsOfNamespaceObject } from '../../policy/read-namespace.ts';
import { isName } from '../../rulebook/entry-codec.ts';
import { type EntryName, isNamespaced, keyOf, rulebookKinds } from '../../rulebook/entry.ts';
import { MAX_OBJECTS } from '../../rulebook/limits.ts';
import type { RulebookWish } from '../../rulebook/rulebook.ts';
import { readService } from '../../services/read-service.ts';
import { parseKeys } from '../doors/request-keys.ts';
import { parseBody } from '../doors/control-exchange.ts';
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';

const MOST = `more than ${MAX_OBJECTS}`;

const deletion = v.strictObject({
  kind: v.picklist(rulebookKinds),
  namespace: v.optional(v.string(), ''),
  name: v.string(),
});

const request = v.strictObject({
  apply: v.optional(v.pipe(v.array(v.unknown()), v.maxLength(MAX_OBJECTS, MOST)), []),
  delete: v.optional(v.pipe(v.array(deletion), v.maxLength(MAX_OBJECTS, MOST)), []),
});

/** Annotations in which programs keep whole objects. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Body of `POST /v1/policies`. @throws WeftError `request-invalid`, ConfigError naming the object, and what is wrong, in the words of the API */
export function parseGiveRequest(body: string): readonly RulebookWish[] {
  const { apply, delete: deletions } = parseKeys(request, parseBody(body));
  const wishes = [
    ...apply.map((object, index) => wishOf(object, `apply[${index}]`)),
    ...deletions.map((name, index): RulebookWish => {
      if (!isName(name)) throw new ConfigError(`delete[${index}]`, `there can be no ${keyOf(name)}`);
      return { ...name, object: undefined };
    }),
  ];
  const keys = new Set<string>();
  for (const wish of wishes) {
    if (keys.has(keyOf(wish))) throw new ConfigError('', `${keyOf(wish)} is named twice: leave one of the two out`);
    keys.add(keyOf(wish));
  }
  return wishes;
}

/** @throws ConfigError */
function wishOf(object: unknown, path: string): RulebookWish {
  const { kind, apiVersion, metadata, spec } = Object(object) as Readonly<Record<string, unknown>>;
  const problems = problemsOf(kind, object);
  if (problems.length > 0) throw new ConfigError(path, problems.join('; '), { problems });
  const { name, namespace, labels, annotations } = metadata as {
    readonly name: string;
    readonly namespace?: string | null;
    readonly labels?: unknown;
    readonly annotations?: Readonly<Record<string, unknown>> | null;
  };
  const given = kind as GivenKind;
  const within = isNamespaced(given) ? namespace || DEFAULT_NAMESPACE : '';
  const { [LAST_APPLIED]: _, ...ownAnnotations } = annotations ?? {};
  const kept = {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(within !== '' && { namespace: within }),
      ...(isFull(labels) && { labels }),
      ...(isFull(ownAnnotations) && { annotations: ownAnnotations }),
    },
    ...(spec !== undefined && { spec }),
  };
  return {
    kind: given,
    namespace: within,
    name,
    object: objectText(kept),
  } satisfies EntryName & {
    readonly object: string;
  };
}

function problemsOf(kind: unknown, object: unknown): readonly string[] {
  if (kind === 'Namespace') return problemsOfNamespaceObject(object);
  if (kind === 'Service') {
    const reading = readService(object);
    return reading.service === undefined ? reading.problems : [];
  }
  const reading = readPolicy(object);
  return reading.policy === undefined ? reading.problems : [];
}

function isFull(map: unknown): boolean {
  return Object.keys(Object(map) as object).length > 0;
}

/** An object as the rulebook holds it: equal ones have equal texts. */
export function objectText(object: object): string {
  return JSON.stringify(sorted(object));
}

/** What could be read is not deep. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
