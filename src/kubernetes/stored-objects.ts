/** What was last known of the API, as it is kept over a restart: a daemon goes by it while the API is away. */
import * as v from 'valibot';
import type { ApiNode, ApiPod } from './api-object.ts';

/** What is kept. */
export interface StoredObjects {
  /** When the API last confirmed it, ISO 8601. */
  readonly time: string;
  /** Of the own Node object. A state of another name is none. */
  readonly nodeName: string;
  readonly nodes: readonly ApiNode[];
  readonly pods: readonly ApiPod[];
}

const strings = v.array(v.string());

const node = v.object({
  name: v.string(),
  uid: v.string(),
  podCidrs: strings,
  addresses: strings,
  networkUnavailable: v.string(),
  networkUnavailableReason: v.string(),
});

const pod = v.object({
  namespace: v.string(),
  name: v.string(),
  uid: v.string(),
  runtimeUid: v.string(),
  labels: v.record(v.string(), v.string()),
  hostNetwork: v.boolean(),
  phase: v.string(),
  addresses: strings,
  isEnding: v.boolean(),
});

const stored = v.object({ time: v.string(), nodeName: v.string(), nodes: v.array(node), pods: v.array(pod) });

/** `undefined`: nothing was stored, something else, or what another node knew. */
export function parseStoredObjects(document: unknown, nodeName: string): StoredObjects | undefined {
  const result = v.safeParse(stored, document);
  return result.success && result.output.nodeName === nodeName ? result.output : undefined;
}
