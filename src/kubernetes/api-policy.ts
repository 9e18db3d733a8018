/**
 * Policies of the Kubernetes API, as their authors wrote them. What they mean is read in `policy/`; here it is only seen to that no policy
 * takes more memory than one may, and that one which does is not simply forgotten: then it would allow what it denies.
 */
import * as v from 'valibot';

/** A NetworkPolicy or a ClusterNetworkPolicy. */
export interface ApiPolicy {
  /** Empty: it is of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly object: PolicyObject;
  /** What is not in `object`, since it is too long or too deep; empty: nothing. For people. */
  readonly omission: string;
}

/** What is kept of the object. Anything may be in `spec`. */
export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: 'NetworkPolicy' | 'ClusterNetworkPolicy';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    /** Those with short values. */
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

/**
 * Longest `spec` as JSON, in characters: some thousand rules. Of a longer one, a word stands in the place of its rules, and if that does not
 * do, of all of it. Whoever reads the policy finds that this is no list of rules, as of any other policy that is wrong.
 */
export const MAX_SPEC_CHARACTERS = 262_144;

/**
 * Lists and objects within each other in a `spec`: those of a rule of a ClusterNetworkPolicy, down to the values of a label, are ten. Of a
 * deeper one the same becomes as of a longer one: neither JSON nor messages between threads hold what is some thousands deep.
 */
export const MAX_SPEC_DEPTH = 32;

const OMITTED = 'omitted';

const MAX_NAME_LENGTH = 253;

/** Of annotations: a prefix of 253 characters, a slash and 63 more; weft's own are words. Others keep whole documents there. */
const MAX_ANNOTATION_KEY_LENGTH = 317;
const MAX_ANNOTATION_LENGTH = 253;
const MAX_ANNOTATIONS = 64;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH));

const policy = v.object({
  apiVersion: v.nullish(v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH)), ''),
  metadata: v.object({
    name,
    namespace: v.nullish(v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH)), ''),
    annotations: v.nullish(v.record(v.string(), v.string()), {}),
  }),
  spec: v.optional(v.unknown(), null),
});

/** The record of a NetworkPolicy (networking.k8s.io/v1); `undefined`: it is none. */
export function readNetworkPolicy(object: unknown): ApiPolicy | undefined {
  const read = readPolicy(object, 'NetworkPolicy', 'networking.k8s.io/v1');
  return read?.namespace === '' ? undefined : read;
}

/** The record of a ClusterNetworkPolicy (policy.networking.k8s.io/v1beta1 or v1alpha2); `undefined`: it is none. */
export function readClusterNetworkPolicy(object: unknown): ApiPolicy | undefined {
  const read = readPolicy(object, 'ClusterNetworkPolicy', 'policy.networking.k8s.io/v1beta1');
  return read?.namespace === '' ? read : undefined;
}

/** @param usualVersion what lists of built-in resources do not say of each item */
function readPolicy(object: unknown, kind: PolicyObject['kind'], usualVersion: string): ApiPolicy | undefined {
  const result = v.safeParse(policy, object);
  if (!result.success) return undefined;
  const { apiVersion, metadata, spec } = result.output;
  const { name, namespace } = metadata;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations)
      .filter(([key, value]) => key.length <= MAX_ANNOTATION_KEY_LENGTH && value.length <= MAX_ANNOTATION_LENGTH)
      .slice(0, MAX_ANNOTATIONS),
  );
  const omission = problemOfSize(spec);
  return {
    namespace,
    name,
    omission,
    object: {
      apiVersion: apiVersion === '' ? usualVersion : apiVersion,
      kind,
      metadata: { name, ...(namespace !== '' && { namespace }), annotations },
      spec: omission === '' ? spec : shortened(spec),
    },
  };
}

function shortened(spec: unknown): unknown {
  const rest = Object.fromEntries(
    Object.entries(Object(spec) as object).map(([key, value]) => [key, isOfRules(key) ? OMITTED : (value as unknown)]),
  );
  return problemOfSize(rest) === '' ? rest : OMITTED;
}

function isOfRules(key: string): boolean {
  return key === 'ingress' || key === 'egress';
}

/** Empty: there is none. */
function problemOfSize(spec: unknown): string {
  if (isDeeper(spec, MAX_SPEC_DEPTH))
    return `the spec has more than ${MAX_SPEC_DEPTH} lists and objects within each other`;
  const lengthCharacters = JSON.stringify(spec).length;
  if (lengthCharacters <= MAX_SPEC_CHARACTERS) return '';
  return `the spec has ${lengthCharacters} characters, more than ${MAX_SPEC_CHARACTERS}`;
}

function isDeeper(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return most === 0 || Object.values(value).some((entry) => isDeeper(entry, most - 1));
}
