/** Whether a cluster has come to rest: weft has the pods that Kubernetes has, and nothing of any others. */
import type { AuditReport, Pod } from '../../src/api/control-api.ts';
import type { LeaseCheck } from '../../src/api/ipam-api.ts';
import { bareAddress } from '../../src/lab/topology.ts';
import { until } from '../support/until.ts';
import type { Cluster } from './cluster.ts';

/** A pod that is deleted may take its grace period. */
const REST_DEADLINE_MS = 120_000;

interface PodObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status: { readonly phase?: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

export interface RestOptions {
  /** By node. */
  readonly names?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** Pods of a node as Kubernetes has them, as `default/web 10.244.0.2 fd00:10:244::2`, without those that have ended, or have the node's network. */
export async function podsInApi({ api }: Cluster, node: string): Promise<string[]> {
  const { items } = await api.get<{ readonly items: readonly PodObject[] }>('pods', '--all-namespaces');
  return items
    .filter(({ spec, status }) => spec.nodeName === node && spec.hostNetwork !== true && isThere(status.phase))
    .map(({ metadata, status }) => lineOf(metadata, status.podIPs?.map(({ ip }) => ip) ?? []))
    .toSorted();
}

/** Pods of a node as its daemon has them, in the same form. */
export async function podsInWeft(cluster: Cluster, node: string): Promise<string[]> {
  const pods = JSON.parse(await cluster.weft(node, 'pod', 'list', '--json')) as Pod[];
  return pods.map((pod) => lineOf(pod, pod.addresses.map(bareAddress))).toSorted();
}

/**
 * Waits until weft and Kubernetes have the same pods on each node, and nothing is left of any others.
 *
 * @param names of Node objects that are not those of their nodes. @throws Error with what differs.
 */
export async function untilAtRest(
  cluster: Cluster,
  { names = {}, deadlineMs = REST_DEADLINE_MS }: RestOptions = {},
): Promise<void> {
  for (const { name } of cluster.nodes) {
    let differs: readonly string[] = [];
    try {
      await until(
        `${name} has come to rest`,
        async () => {
          differs = await differencesAt(cluster, name, names[name] ?? name);
          return differs.length === 0;
        },
        deadlineMs,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${differs.join('; ')}`, { cause: error });
    }
  }
}

async function differencesAt(cluster: Cluster, node: string, name: string): Promise<string[]> {
  const [inApi, inWeft] = [await podsInApi(cluster, name), await podsInWeft(cluster, node)];
  // Both end with exit code 1 where something is left.
  const leases = await json<LeaseCheck>(cluster, node, 'ipam', 'check');
  const audit = await json<AuditReport>(cluster, node, 'audit');
  return [
    ...inApi.filter((pod) => !inWeft.includes(pod)).map((pod) => `Kubernetes alone has ${pod}`),
    ...inWeft.filter((pod) => !inApi.includes(pod)).map((pod) => `weft alone has ${pod}`),
    ...leases.findings.map(({ message }) => message),
    ...audit.differences.filter(({ repaired }) => !repaired).map(({ message }) => message),
  ];
}

async function json<Answer>(cluster: Cluster, node: string, ...command: readonly string[]): Promise<Answer> {
  const { stdout, stderr } = await cluster.tryWeft(node, ...command, '--json');
  if (stdout === '') throw new Error(`weft ${command.join(' ')} at ${node}: ${stderr}`);
  return JSON.parse(stdout) as Answer;
}

function lineOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  addresses: readonly string[],
): string {
  return [`${namespace}/${name}`, ...addresses.toSorted()].join(' ');
}

function isThere(phase = ''): boolean {
  return phase !== 'Succeeded' && phase !== 'Failed';
}
