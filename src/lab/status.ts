/** `weft lab status`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { WeftError } from '../errors.ts';
import { formatEndpoint, parseIpAddress } from '../wire/address.ts';
import { controlOf, runningDaemon } from './daemon-process.ts';
import { loadLab, namespacePath, nodeFiles } from './lab-directory.ts';
import type { NodeFiles } from './lab-directory.ts';
import type { NodePlan } from './topology.ts';

/** A lab as it is now. Keys are stable. */
export interface LabStatus {
  readonly name: string;
  readonly nodes: readonly LabNodeStatus[];
}

/** A node of it. */
export interface LabNodeStatus {
  readonly name: string;
  readonly netns: string;
  /** Process of its daemon, `null` while none runs. */
  readonly pid: number | null;
  /** Endpoint of its VXLAN socket on the underlay. While no daemon answers: that of its first start. */
  readonly endpoint: string;
  readonly prefixes: readonly string[];
  /** Path of its control socket. */
  readonly socket: string;
  readonly pods: readonly LabPodStatus[];
}

/** A pod of a node. */
export interface LabPodStatus {
  /** Name at its node: `p1`. In the lab it is `n1/p1`. */
  readonly name: string;
  readonly netns: string;
  /** While no daemon answers: those it had when it last did. */
  readonly addresses: readonly string[];
}

/** Asks all nodes at once. @throws NotFoundError `lab-not-found`. */
export async function labStatus(labName: string): Promise<LabStatus> {
  const plan = loadLab(labName);
  return { name: labName, nodes: await Promise.all(plan.nodes.map((node) => nodeStatus(labName, node))) };
}

async function nodeStatus(labName: string, node: NodePlan): Promise<LabNodeStatus> {
  const files = nodeFiles(labName, node.name);
  return {
    name: node.name,
    netns: node.netns,
    pid: runningDaemon(files)?.pid ?? null,
    endpoint: await endpointOf(files, node),
    prefixes: node.prefixes,
    socket: files.socket,
    pods: await podsOf(files, node),
  };
}

async function endpointOf(files: NodeFiles, node: NodePlan): Promise<string> {
  try {
    const { underlay, vxlan } = await controlOf(files).status();
    return formatEndpoint({ address: parseIpAddress(underlay.address)!, port: vxlan.port });
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return node.endpoint;
  }
}

/** What the daemon says, which also has the pods that were added to the lab later; without a daemon, what it said last. */
async function podsOf(files: NodeFiles, node: NodePlan): Promise<LabPodStatus[]> {
  try {
    const pods = await controlOf(files).pods();
    const statuses = pods.map(({ name, netns, addresses }) => ({ name, netns: shortNamespace(netns), addresses }));
    writeFileSync(files.pods, JSON.stringify(statuses));
    return statuses;
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    if (existsSync(files.pods)) return JSON.parse(readFileSync(files.pods, 'utf8')) as LabPodStatus[];
    return node.pods.map(({ name, netns }) => ({ name, netns, addresses: [] }));
  }
}

/** The name of a namespace, if it has one. */
function shortNamespace(path: string): string {
  return path === namespacePath(basename(path)) ? basename(path) : path;
}
