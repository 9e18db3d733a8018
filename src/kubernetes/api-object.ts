/**
 * What weft takes from objects of the Kubernetes API, as small records of text: everything else of an object is let go at once.
 *
 * Whoever may write Nodes and Pods says what is in them, so each field has a limit. An object that breaks one is no object.
 */
import * as v from 'valibot';
import { type NamedPorts, namedPortsOf } from './named-ports.ts';

/** A Node. */
export interface ApiNode {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of both families, as they stand in the object; empty: none was assigned yet. */
  readonly podCidrs: readonly string[];
  /** Those of type InternalIP. */
  readonly addresses: readonly string[];
  /** Of the condition NetworkUnavailable: `True`, `False`, `Unknown`; empty: it is not there. */
  readonly networkUnavailable: string;
  readonly networkUnavailableReason: string;
}

/** A Pod, with those ports of its containers that have names. */
export interface ApiPod extends NamedPorts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The UID that its runtime knows: another one for a static pod, whose object the kubelet made as a mirror. */
  readonly runtimeUid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  /** `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`. */
  readonly phase: string;
  readonly addresses: readonly string[];
  /** Somebody deleted it, and it ends. */
  readonly isEnding: boolean;
}

const endedPhases: readonly string[] = ['Succeeded', 'Failed'];

/** Whether a pod has ended: it sends nothing any more. */
export function hasEnded({ phase }: Pick<ApiPod, 'phase'>): boolean {
  return endedPhases.includes(phase);
}

/** A Namespace. */
export interface ApiNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Longest name of an object (RFC 1123, section 2.1), and of a UID, which is one of RFC 9562 mostly. */
const MAX_NAME_LENGTH = 253;
const MAX_UID_LENGTH = 128;

/** Of lists that have two entries mostly. */
const MAX_ENTRIES = 64;

/** By which the kubelet says which static pod a Pod object mirrors: `kubernetes.io/config.mirror` (k8s.io/api, annotation_key_constants.go). */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** Labels of one object. Of those of a pod, its other nodes take fewer: see `directory/pod-labels.ts`. */
const MAX_LABELS = 1_024;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH));
const uid = v.pipe(v.string(), v.maxLength(MAX_UID_LENGTH));
const word = v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH));
const words = v.pipe(v.array(word), v.maxLength(MAX_ENTRIES));

const labels = v.nullish(
  v.pipe(
    v.record(v.string(), v.string()),
    v.check((all) => Object.keys(all).length <= MAX_LABELS),
  ),
  {},
);

/** Kubernetes writes an empty list as null, too. */
function listOf<Schema extends v.GenericSchema>(item: Schema) {
  return v.nullish(v.pipe(v.array(item), v.maxLength(MAX_ENTRIES)), []);
}

const node = v.object({
  metadata: v.object({ name, uid, labels }),
  spec: v.nullish(v.object({ podCIDR: v.nullish(word, ''), podCIDRs: v.nullish(words) }), {}),
  status: v.nullish(
    v.object({
      addresses: listOf(v.object({ type: word, address: word })),
      conditions: listOf(v.object({ type: word, status: word, reason: v.nullish(v.string(), '') })),
    }),
    {},
  ),
});

const pod = v.object({
  metadata: v.object({
    name,
    namespace: name,
    uid,
    labels,
    annotations: v.nullish(v.object({ [MIRROR_ANNOTATION]: v.nullish(uid, '') }), {}),
    deletionTimestamp: v.nullish(v.string(), ''),
  }),
  spec: v.nullish(
    v.object({
      hostNetwork: v.nullish(v.boolean(), false),
      containers: v.optional(v.unknown()),
      initContainers: v.optional(v.unknown()),
    }),
    {},
  ),
  status: v.nullish(
    v.object({
      phase: v.nullish(word, ''),
      podIP: v.nullish(word, ''),
      podIPs: listOf(v.object({ ip: v.nullish(word, '') })),
    }),
    {},
  ),
});

const namespace = v.object({ metadata: v.object({ name, labels }) });

/** The record of a Node; `undefined`: it is none, or beyond all limits. */
export function readNode(object: unknown): ApiNode | undefined {
  const result = v.safeParse(node, object);
  if (!result.success) return undefined;
  const { metadata, spec, status } = result.output;
  const condition = status.conditions?.find(({ type }) => type === 'NetworkUnavailable');
  return {
    name: metadata.name,
    uid: metadata.uid,
    labels: metadata.labels,
    podCidrs: withFirst(spec.podCIDRs ?? [], spec.podCIDR ?? ''),
    addresses: (status.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    networkUnavailable: condition?.status ?? '',
    networkUnavailableReason: condition?.reason.slice(0, MAX_NAME_LENGTH) ?? '',
  };
}

/** The record of a Pod; `undefined`: it is none, or beyond all limits. */
export function readPod(object: unknown): ApiPod | undefined {
  const result = v.safeParse(pod, object);
  if (!result.success) return undefined;
  const { metadata, spec, status } = result.output;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    runtimeUid: metadata.annotations[MIRROR_ANNOTATION] || metadata.uid,
    labels: metadata.labels,
    hostNetwork: spec.hostNetwork ?? false,
    phase: status.phase ?? '',
    addresses: withFirst(
      (status.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== ''),
      status.podIP ?? '',
    ),
    ...namedPortsOf(spec),
    isEnding: metadata.deletionTimestamp !== '',
  };
}

/** The record of a Namespace; `undefined`: it is none, or beyond all limits. */
export function readNamespace(object: unknown): ApiNamespace | undefined {
  const result = v.safeParse(namespace, object);
  return result.success ? result.output.metadata : undefined;
}

/** `NAMESPACE/NAME`. */
export function nameOfNamespaced(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

/** The field of today, or that of before there were two families. */
function withFirst(all: readonly string[], first: string): readonly string[] {
  return all.length > 0 || first === '' ? all : [first];
}

const listPage = v.object({
  metadata: v.object({ resourceVersion: v.string(), continue: v.nullish(v.string(), '') }),
  items: v.nullish(v.array(v.unknown()), []),
});

/** One page of a list. */
export interface ListPage {
  readonly version: string;
  /** What to ask for the next one with; empty: this was the last. */
  readonly next: string;
  readonly items: readonly unknown[];
}

/** `undefined`: it is none. */
export function readListPage(body: unknown): ListPage | undefined {
  const result = v.safeParse(listPage, body);
  if (!result.success) return undefined;
  const { metadata, items } = result.output;
  return { version: metadata.resourceVersion, next: metadata.continue, items };
}

const watchEvent = v.object({
  type: v.picklist(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: v.looseObject({
    metadata: v.nullish(v.object({ resourceVersion: v.nullish(v.string(), '') })),
    code: v.optional(v.unknown()),
    message: v.optional(v.unknown()),
  }),
});

/** One line of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** From where a watch goes on behind it; empty for an error. */
  readonly version: string;
  readonly object: unknown;
  /** Of an error. */
  readonly code: number;
  readonly message: string;
}

/** `undefined`: it is none. */
export function readWatchEvent(body: unknown): WatchEvent | undefined {
  const result = v.safeParse(watchEvent, body);
  if (!result.success) return undefined;
  const { type, object } = result.output;
  const { metadata, code, message } = object;
  return {
    type,
    version: metadata?.resourceVersion ?? '',
    object: (body as { readonly object: unknown }).object,
    code: typeof code === 'number' ? code : 0,
    message: typeof message === 'string' ? message : '',
  };
}
