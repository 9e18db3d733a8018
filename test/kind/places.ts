/**
 * What a cluster of kind keeps on disk, all under /var/cache/weft-kind/NAME, which only root may read:
 *
 *     cluster.json          what was asked for
 *     kubeconfig            for kubectl
 *     kind.yaml             what kind was told
 *     engine/               of an engine of its own: socket, data, log
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConflictError, NotFoundError } from '../../src/errors.ts';
import { checkClusterName } from '../cluster/places.ts';

/** Not /run, which is memory: images are large. */
const CLUSTERS = '/var/cache/weft-kind';

/** Whose containers the nodes are, in kind's words. */
export const PROVIDERS = ['docker', 'podman'] as const;

export type Provider = (typeof PROVIDERS)[number];

/** What a person asks for. */
export interface KindSpec {
  readonly name: string;
  /** With the control plane, which pods run on, too. */
  readonly nodes: number;
  readonly provider: Provider;
  /** Whether an engine is started for the cluster alone. */
  readonly hasOwnEngine: boolean;
  /** Weft has the services, load balancers among them, and there is no kube-proxy. */
  readonly hasServices?: boolean;
  /** Of which nodes are made; absent: that of kind, or one that is made here for an engine of its own. */
  readonly nodeImage?: string;
}

export function kindDirectory(name: string): string {
  checkClusterName(name);
  return join(CLUSTERS, name);
}

/** Claims the name: of two that try, one gets it. @throws ConflictError `cluster-exists` if there are files of that name. */
export function createKindDirectory(spec: KindSpec): string {
  const directory = kindDirectory(spec.name);
  mkdirSync(CLUSTERS, { recursive: true, mode: 0o700 });
  if (existsSync(directory)) {
    const remedy = `scripts/kind down --name ${spec.name}`;
    const message = `cluster ${spec.name} exists already, whole or in part; remove it with: ${remedy}`;
    throw new ConflictError('cluster-exists', message);
  }
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'cluster.json'), JSON.stringify(spec));
  return directory;
}

/** What was asked for; `undefined`: there is none of that name. */
export function findKind(name: string): KindSpec | undefined {
  const file = join(kindDirectory(name), 'cluster.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KindSpec) : undefined;
}

/** As {@link findKind}. @throws NotFoundError `cluster-not-found` if there is none */
export function loadKind(name: string): KindSpec {
  const spec = findKind(name);
  if (spec !== undefined) return spec;
  const message = `there is no cluster ${name}; bring one up with: scripts/kind up --name ${name}`;
  throw new NotFoundError('cluster-not-found', message);
}

/** Removes the cluster's files, and the directory of all clusters with the last of them. */
export function removeKindDirectory(name: string): void {
  rmSync(kindDirectory(name), { recursive: true, force: true });
  if (existsSync(CLUSTERS) && readdirSync(CLUSTERS).length === 0) rmdirSync(CLUSTERS);
}
