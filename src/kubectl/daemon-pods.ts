/** The pods in a cluster in which weft's daemon runs: which there are, and the one of a node. */
import * as v from 'valibot';
import { ConflictError, NotFoundError } from '../errors.ts';
import type { Kubectl } from './kubectl.ts';

/** One of them. */
export interface DaemonPod {
  readonly name: string;
  readonly node: string;
  /** Of the daemon: `weft`, or the only one that there is. */
  readonly container: string;
  readonly image: string;
  /** Empty, or why nothing can be run in it. */
  readonly problem: string;
}

/** Where the manifests put weft. */
export const WEFT_NAMESPACE = 'weft';

/** Label of its pods, as the manifests have it. */
const LABEL = 'app.kubernetes.io/name=weft';
const CONTAINER = 'weft';

const container = v.object({ name: v.string(), image: v.string() });
const state = v.object({ waiting: v.optional(v.object({ reason: v.optional(v.string()) })) });
const podList = v.object({
  items: v.array(
    v.object({
      metadata: v.object({
        name: v.string(),
        creationTimestamp: v.optional(v.string(), ''),
        deletionTimestamp: v.optional(v.string()),
      }),
      spec: v.object({ nodeName: v.optional(v.string(), ''), containers: v.pipe(v.array(container), v.minLength(1)) }),
      status: v.object({
        phase: v.optional(v.string(), 'Unknown'),
        containerStatuses: v.optional(
          v.array(v.object({ name: v.string(), ready: v.boolean(), state: v.optional(state, {}) })),
          [],
        ),
      }),
    }),
  ),
});

type ListedPod = v.InferOutput<typeof podList>['items'][number];

/** One for each node, in order of their names: while it is replaced, the one that still serves. @throws as `Kubectl.json`; NotFoundError `weft-pods-missing` */
export async function listDaemonPods(kubectl: Kubectl, namespace: string): Promise<readonly DaemonPod[]> {
  const purpose = 'list the pods of weft';
  const { items } = await kubectl.json(['get', 'pods', '-n', namespace, '-l', LABEL], podList, { purpose });
  const placed = items.filter(({ spec }) => spec.nodeName !== '');
  if (placed.length > 0) {
    return [...Map.groupBy(placed, ({ spec }) => spec.nodeName)]
      .map(([, ofNode]) => daemonPodOf(ofNode.toSorted(byUse)[0]!))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }
  const pending = items.length === 0 ? '' : ` that is on a node (${items.length} wait for one)`;
  const message =
    `namespace ${namespace} has no pod of weft${pending}, label ${LABEL}: ` +
    'install weft there, or say with --namespace where it is';
  throw new NotFoundError('weft-pods-missing', message, { namespace });
}

/**
 * The pod of a node; without one, the first in which something can be run.
 *
 * @throws NotFoundError `weft-pods-missing` if the node has none; ConflictError `weft-pod-not-running`
 */
export function choosePod(pods: readonly DaemonPod[], namespace: string, node?: string): DaemonPod {
  const ofNode = node === undefined ? pods : pods.filter((pod) => pod.node === node);
  const chosen = ofNode.find(({ problem }) => problem === '') ?? ofNode[0];
  if (chosen === undefined) {
    const nodes = pods.map((pod) => pod.node);
    const message = `node ${node} has no pod of weft in namespace ${namespace}: those that have one are ${nodes.join(', ')}`;
    throw new NotFoundError('weft-pods-missing', message, { namespace, node, nodes });
  }
  if (chosen.problem === '') return chosen;
  const { name, problem } = chosen;
  const where = node === undefined ? 'no node has a pod of weft that runs; ' : '';
  const message =
    `${where}pod ${name} of node ${chosen.node} does not run: ${problem}; ` +
    `kubectl -n ${namespace} describe pod ${name}, and logs ${name}, say why`;
  throw new ConflictError('weft-pod-not-running', message, { namespace, pod: name, node: chosen.node });
}

function daemonPodOf({ metadata, spec, status }: ListedPod): DaemonPod {
  const { name, image } = spec.containers.find((one) => one.name === CONTAINER) ?? spec.containers[0]!;
  const found = status.containerStatuses.find((one) => one.name === name);
  const isRunning = status.phase === 'Running' && found?.state.waiting === undefined;
  const reason = found?.state.waiting?.reason;
  return {
    name: metadata.name,
    node: spec.nodeName,
    container: name,
    image,
    problem: isRunning ? '' : `it is ${status.phase}${reason === undefined ? '' : ` (${reason})`}`,
  };
}

/** One that is ready first; of those, one that does not end, the earliest: its successor waits for it. */
function byUse(a: ListedPod, b: ListedPod): number {
  return (
    Number(isReady(b)) - Number(isReady(a)) ||
    Number(a.metadata.deletionTimestamp !== undefined) - Number(b.metadata.deletionTimestamp !== undefined) ||
    (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1)
  );
}

function isReady({ status }: ListedPod): boolean {
  return status.phase === 'Running' && status.containerStatuses.every(({ ready }) => ready);
}
