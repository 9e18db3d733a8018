/** The container engine whose containers a cluster's nodes are. */
import type { Progress } from '../cluster/programs.ts';
import type { LocalImages } from './cluster-file.ts';

/** Name and tag of weft's image, as `deploy/kubernetes/overlays/kind` has it. */
export const WEFT_IMAGE = 'localhost/weft:kind';

export interface Engine {
  /** A command that talks to the engine and to the cluster, as arguments of a process: `docker`, `kind`, `kubectl`. */
  command(...argv: readonly string[]): string[];
  /** Image of the nodes, and what is in it for kubeadm; `undefined`: kind's own. */
  nodeImage(progress: Progress): Promise<NodeImage | undefined>;
  /** Writes {@link WEFT_IMAGE}, made from this checkout, as an archive into `directory`. @returns its path */
  weftImage(directory: string, progress: Progress): Promise<string>;
}

export interface NodeImage {
  readonly name: string;
  /** Absent: kubeadm takes images from where it usually does. */
  readonly images?: LocalImages;
}
