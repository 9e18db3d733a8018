/** What a person means by a name of the cluster's domain: `web.weft.internal`, `web.shop.weft.internal`, `n2.node.weft.internal`. */
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { labelsBefore, parseDomainName } from './domain-name.ts';
import { NODE_LABEL } from './name-table.ts';
import { SERVICE_LABEL } from './service-names.ts';

/** Who is meant. */
export type OverlayName =
  | { readonly kind: 'node'; readonly node: string }
  /** A service. */
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  /** One of `candidates`, the first that there is. */
  | { readonly kind: 'pod'; readonly node: string | undefined; readonly candidates: readonly QualifiedPod[] };

/** A pod by namespace and name. */
export interface QualifiedPod {
  readonly name: string;
  readonly namespace: string;
}

/** Reads a name below `domain`; `undefined`: it is none, or the domain itself. */
export function parseOverlayName(text: string, domain: readonly string[]): OverlayName | undefined {
  const labels = parseDomainName(text);
  const within = labels && labelsBefore(labels, domain);
  if (within === undefined || within.length === 0) return undefined;
  if (within.at(-1) === SERVICE_LABEL) {
    const [name, namespace] = within;
    return within.length === 3 ? { kind: 'service', namespace: namespace!, name: name! } : undefined;
  }
  if (within.at(-1) !== NODE_LABEL) return { kind: 'pod', node: undefined, candidates: podsOf(within) };
  const node = within.at(-2);
  if (node === undefined) return undefined;
  const path = within.slice(0, -2);
  return path.length === 0 ? { kind: 'node', node } : { kind: 'pod', node, candidates: podsOf(path) };
}

/** The last label is a namespace, or part of the name of a pod of namespace default. */
function podsOf(labels: readonly string[]): QualifiedPod[] {
  const inDefault = { name: labels.join('.'), namespace: DEFAULT_NAMESPACE };
  if (labels.length === 1) return [inDefault];
  return [{ name: labels.slice(0, -1).join('.'), namespace: labels.at(-1)! }, inDefault];
}
