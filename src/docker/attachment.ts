/** Making a container a pod, and taking it out again: the engine is asked, and the daemon told. */
import type { Pod } from '../api/control-api.ts';
import { podTitle } from '../directory/pod-name.ts';
import type { ControlClient } from '../client/control-client.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { describeContainer, type Container } from './container.ts';
import {
  containerIdOf,
  isContainerPod,
  isMeantBy,
  isPodOf,
  podOfContainer,
  type ContainerPod,
  type PodChoice,
} from './container-pod.ts';
import type { EngineClient } from './engine-client.ts';

/** The daemon, as far as attaching needs it. */
export type PodKeeper = Pick<ControlClient, 'pods' | 'addPod' | 'removePod'>;

/** The engine, as far as attaching needs it. */
export type ContainerSource = Pick<EngineClient, 'container'>;

/** What came of attaching. */
export interface Attached {
  readonly pod: Pod;
  /** Whether it was a pod already, as it is wanted. */
  readonly wasThere: boolean;
}

/**
 * Attaches a running container. Again does no harm; one that was started again, and so has a new namespace, is connected anew and gets
 * the addresses that it had, unless others are wanted.
 *
 * @throws as {@link podOfContainer} and `weft pod add` do; NotFoundError `container-not-found`; ConflictError `pod-exists` if a pod of
 * the name is something else, `container-not-running` if it ended meanwhile.
 */
export async function attachContainer(
  engine: ContainerSource,
  keeper: PodKeeper,
  container: Container,
  choice: PodChoice = {},
): Promise<Attached> {
  const wanted = podOfContainer(container, choice);
  const pods = await keeper.pods();
  const known = pods.find(({ name, namespace }) => name === wanted.name && namespace === wanted.namespace);
  if (known !== undefined && isAsWanted(known, wanted, container)) return { pod: known, wasThere: true };
  if (known !== undefined) await makeWay(known, wanted, container, { engine, keeper });
  // The same container under another name: it can be one pod only.
  for (const other of pods) if (other !== known && isPodOf(other, container)) await remove(keeper, other);
  const pod = await keeper.addPod(wanted.name, wanted.request);
  const { isRunning, pid } = await engine.container(container.id);
  if (isRunning && pid === container.pid) return { pod, wasThere: false };
  // The process that was connected may have been another one by then.
  await remove(keeper, pod);
  const message = `${describeContainer(container)} ended while it was attached: start it, and attach it again`;
  throw new ConflictError('container-not-running', message, { container: container.id });
}

/** Takes out what was made of a container, by its name or id, whether it still exists or not. @returns the pods. */
export async function detachContainer(keeper: PodKeeper, reference: string): Promise<Pod[]> {
  const meant = (await keeper.pods()).filter((pod) => isMeantBy(pod, reference));
  for (const pod of meant) await remove(keeper, pod);
  return meant;
}

/** As people are told of it. */
export function titleOf({ namespace, name }: Pick<Pod, 'namespace' | 'name'>): string {
  return podTitle(namespace, name);
}

function isAsWanted(pod: Pod, { request }: ContainerPod, container: Container): boolean {
  const wanted = request.addresses ?? pod.addresses;
  return (
    isPodOf(pod, container) &&
    pod.netns === namespaceFile(container.pid) &&
    // What is disconnected, the daemon connects again.
    pod.state !== 'gone' &&
    wanted.length === pod.addresses.length &&
    wanted.every((address) => pod.addresses.includes(address))
  );
}

/** How the daemon names the namespace of a process. */
function namespaceFile(pid: number): string {
  return `/proc/${pid}/ns/net`;
}

/** Removes the pod that has the name, if it was made of this container, or of one that does not run any more. */
async function makeWay(
  known: Pod,
  wanted: ContainerPod,
  container: Container,
  { engine, keeper }: { engine: ContainerSource; keeper: PodKeeper },
): Promise<void> {
  const other = await runningContainerOf(known, engine);
  if (isPodOf(known, container) || (isContainerPod(known) && other === undefined)) return await remove(keeper, known);
  const holder = other === undefined ? 'which was not made of a container' : `which is ${describeContainer(other)}`;
  const remedy = 'give it another name (label weft.pod, or --name) or namespace, or remove that pod';
  const message = `${describeContainer(container)} cannot be pod ${titleOf(wanted)}: there is one of that name, ${holder}; ${remedy}`;
  throw new ConflictError('pod-exists', message, { pod: wanted.name, namespace: wanted.namespace });
}

/** The container that a pod was made of, if it still runs. */
export async function runningContainerOf(pod: Pod, engine: ContainerSource): Promise<Container | undefined> {
  const id = containerIdOf(pod);
  if (id === undefined) return undefined;
  try {
    const container = await engine.container(id);
    return container.isRunning ? container : undefined;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

async function remove(keeper: PodKeeper, { name, namespace }: Pod): Promise<void> {
  await keeper.removePod(name, namespace);
}
