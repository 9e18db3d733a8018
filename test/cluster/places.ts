/**
 * What a cluster keeps on disk, all under /var/cache/weft-kubernetes/NAME, which only root may read:
 *
 *     cluster.json          what was asked for
 *     kubeconfig            for programs outside of the cluster
 *     credentials/          see credentials.ts
 *     control-plane/        logs and process numbers
 *     etcd/                 its data
 *     images/               archives that the nodes were given
 *     n1/programs/          logs and process numbers of what runs on the node
 *     n1/changes, n1/files  what the node changed of the machine's files, and its own ones
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, ConflictError, NotFoundError } from '../../src/errors.ts';
import { existingNamespaces } from '../../src/lab/lab-directory.ts';
import { planLab, type LabPlan } from '../../src/lab/topology.ts';

/** Not /run, which is memory: images are large. */
const CLUSTERS = '/var/cache/weft-kubernetes';

/** Short enough for a name of a node with it, and plain enough for a namespace and a shell. */
const CLUSTER_NAME = /^[a-z][a-z0-9-]{0,15}$/;

export type PodNetwork = 'weft' | 'checkout' | 'ptp';

/** What a person asks for. */
export interface ClusterSpec {
  readonly name: string;
  readonly nodes: number;
  /** `none`: nodes do not become ready until somebody installs one. */
  readonly podNetwork: PodNetwork | 'none';
}

/** Namespaces and underlay of a cluster: those of a lab without pods. @throws ConfigError naming the option. */
export function planCluster(spec: ClusterSpec): LabPlan {
  checkClusterName(spec.name);
  return planLab({
    name: namespacesPrefix(spec.name),
    nodes: spec.nodes,
    podsPerNode: 0,
    underlayMtuBytes: 1_500,
    ipv6Underlay: false,
    plainUnderlay: false,
    settings: {},
  });
}

/** Before the names of all namespaces of the cluster. */
export function namespacesPrefix(name: string): string {
  return `kubernetes-${name}`;
}

export function clusterDirectory(name: string): string {
  return join(CLUSTERS, name);
}

/** Claims the name: of two that try, one gets it. @throws ConflictError `cluster-exists` if any part of it is there. */
export function createClusterDirectory(spec: ClusterSpec): string {
  const directory = clusterDirectory(spec.name);
  mkdirSync(CLUSTERS, { recursive: true, mode: 0o700 });
  if (existsSync(directory) || existingNamespaces(namespacesPrefix(spec.name)).length > 0) {
    const remedy = `scripts/kubernetes down --name ${spec.name}`;
    throw new ConflictError(
      'cluster-exists',
      `cluster ${spec.name} exists already, whole or in part; remove it with: ${remedy}`,
    );
  }
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'cluster.json'), JSON.stringify(spec));
  return directory;
}

/** What was asked for. @throws NotFoundError `cluster-not-found` if there is none of that name. */
export function loadCluster(name: string): ClusterSpec {
  checkClusterName(name);
  const file = join(clusterDirectory(name), 'cluster.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as ClusterSpec;
  throw new NotFoundError(
    'cluster-not-found',
    `there is no cluster ${name}; bring one up with: scripts/kubernetes up --name ${name}`,
  );
}

/** Removes the cluster's files, and the directory of all clusters with the last of them. Whether there was anything to remove. */
export function removeClusterDirectory(name: string): boolean {
  const directory = clusterDirectory(name);
  const existed = existsSync(directory);
  rmSync(directory, { recursive: true, force: true });
  if (existsSync(CLUSTERS) && readdirSync(CLUSTERS).length === 0) rmdirSync(CLUSTERS);
  return existed;
}

/** @throws ConfigError unless `name` can be a cluster's name. */
export function checkClusterName(name: string): void {
  if (CLUSTER_NAME.test(name)) return;
  throw new ConfigError('--name', `"${name}" is not a cluster name: a letter, then up to 15 of a-z, 0-9 and "-"`);
}
