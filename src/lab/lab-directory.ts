/**
 * What a lab keeps on disk, all under /run/weft-lab/NAME, which only root may read and which a reboot takes away together
 * with the lab itself:
 *
 *     lab.json              what was asked for
 *     gossip.key            key of its gossip, like no other lab's
 *     resolv.conf           what commands in pods see as /etc/resolv.conf
 *     shell.bashrc          what a shell of `weft lab shell` reads
 *     n1/config.yaml        configuration of the daemon; edits count from its next start on
 *     n1/state/             its state directory
 *     n1/weft.sock          its control socket; weft-ro.sock beside it
 *     n1/daemon.log         its output
 *     n1/daemon.json        its process, see daemon-process.ts
 *     n1/pods.json          its pods when it last answered, see status.ts
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey } from '../daemon/gossip/key-file.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { checkLabName, isNamespaceOf, planLab } from './topology.ts';
import type { LabPlan, LabSpec, NodePlan } from './topology.ts';

const LABS = '/run/weft-lab';
const NAMESPACES = '/run/netns';

/** Paths of one node's files. */
export interface NodeFiles {
  readonly directory: string;
  readonly config: string;
  /** The same for all nodes of the lab. */
  readonly keyFile: string;
  readonly stateDir: string;
  readonly socket: string;
  readonly readOnlySocket: string;
  readonly log: string;
  readonly process: string;
  readonly pods: string;
}

/** Where the files of a node are, whether they exist or not. */
export function nodeFiles(labName: string, nodeName: string): NodeFiles {
  const directory = join(LABS, labName, nodeName);
  return {
    directory,
    config: join(directory, 'config.yaml'),
    keyFile: join(LABS, labName, 'gossip.key'),
    stateDir: join(directory, 'state'),
    socket: join(directory, 'weft.sock'),
    readOnlySocket: join(directory, 'weft-ro.sock'),
    log: join(directory, 'daemon.log'),
    process: join(directory, 'daemon.json'),
    pods: join(directory, 'pods.json'),
  };
}

/** Claims the name of the lab: of two that try, one gets it. @throws ConflictError `lab-exists` if any part of it is there. */
export function createLabDirectory(spec: LabSpec): void {
  const directory = join(LABS, spec.name);
  mkdirSync(LABS, { recursive: true, mode: 0o700 });
  if (existsSync(directory) || existingNamespaces(spec.name).length > 0) {
    throw new ConflictError(
      'lab-exists',
      `lab ${spec.name} exists already, whole or in part; remove it with: weft lab down --name ${spec.name}`,
    );
  }
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'lab.json'), `${JSON.stringify(spec, undefined, 2)}\n`);
  writeFileSync(join(directory, 'gossip.key'), `${generateKey()}\n`, { mode: 0o600 });
}

/** The plan of a lab that is up. @throws NotFoundError `lab-not-found` if there is none of that name. */
export function loadLab(labName: string): LabPlan {
  checkLabName(labName);
  const file = join(LABS, labName, 'lab.json');
  if (!existsSync(file)) {
    throw new NotFoundError(
      'lab-not-found',
      `there is no lab ${labName}; bring one up with: weft lab up --name ${labName}`,
    );
  }
  return planLab(JSON.parse(readFileSync(file, 'utf8')) as LabSpec);
}

/** One node of the plan. @throws NotFoundError `lab-node-not-found`, naming those there are. */
export function findNode(plan: LabPlan, nodeName: string): NodePlan {
  const node = plan.nodes.find(({ name }) => name === nodeName);
  if (node !== undefined) return node;
  const names = plan.nodes.map(({ name }) => name).join(', ');
  throw new NotFoundError('lab-node-not-found', `lab ${plan.spec.name} has no node ${nodeName}; it has ${names}`);
}

/** Names of the nodes that have files, also when lab.json is gone. */
export function nodesOnDisk(labName: string): string[] {
  const directory = join(LABS, labName);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

/** Names of the labs that have files here, in order. */
export function labNames(): string[] {
  if (!existsSync(LABS)) return [];
  return readdirSync(LABS, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .sort();
}

/** Where commands in pods of the lab find whom to ask for names. */
export function labResolverFile(labName: string): string {
  return join(LABS, labName, 'resolv.conf');
}

/** Where `weft lab shell` keeps what a shell reads at its start. */
export function shellProfile(labName: string): string {
  return join(LABS, labName, 'shell.bashrc');
}

/** Removes the lab's files, and the directory of all labs with the last of them. Whether there was anything to remove. */
export function removeLabDirectory(labName: string): boolean {
  const directory = join(LABS, labName);
  const existed = existsSync(directory);
  rmSync(directory, { recursive: true, force: true });
  if (existsSync(LABS) && readdirSync(LABS).length === 0) rmdirSync(LABS);
  return existed;
}

/** Names of the namespaces that belong to the lab by their names, whoever made them. */
export function existingNamespaces(labName: string): string[] {
  if (!existsSync(NAMESPACES)) return [];
  return readdirSync(NAMESPACES).filter((netns) => isNamespaceOf(labName, netns));
}

/** Path of a named network namespace, as `ip netns` keeps it. */
export function namespacePath(netns: string): string {
  return join(NAMESPACES, netns);
}
