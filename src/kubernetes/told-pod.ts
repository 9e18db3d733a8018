/** What other nodes are told of a Pod object: labels and named ports, of both as many as they take. */
import { MAX_POD_PORTS } from '../directory/limits.ts';
import type { PodLabels } from '../directory/pod-labels.ts';
import { comparePodPorts } from '../directory/pod-port.ts';
import { fittingLabels, MAX_LABELS_BYTES } from './fitting-labels.ts';
import type { NamedPorts } from './named-ports.ts';

/** What somebody else than its own record says of a pod. */
export interface ToldPod extends NamedPorts {
  readonly labels: PodLabels;
}

/** What other nodes are told of it. */
export interface FittingPod extends ToldPod {
  /** How many of each are not told. */
  readonly cutLabels: number;
  readonly cutPorts: number;
}

/**
 * For ports, in bytes, whatever the labels take: 16 of the longest. A name of 253 characters, a namespace of 63 and 16 addresses of IPv6
 * take the rest of what {@link MAX_LABELS_BYTES} leaves.
 */
const LEAST_PORTS_BYTES = 400;

/** Of one port beside its name: tags, lengths and numbers, at most. */
const PORT_OVERHEAD_BYTES = 10;

/** The same ones each time, ports in order. */
export function toldOfPod({ labels, ports, hasMorePorts }: ToldPod): FittingPod {
  const fitting = fittingLabels(labels);
  let roomBytes = LEAST_PORTS_BYTES + MAX_LABELS_BYTES - fitting.lengthBytes;
  const told = ports
    .toSorted(comparePodPorts)
    .slice(0, MAX_POD_PORTS)
    .filter(({ name }) => (roomBytes -= name.length + PORT_OVERHEAD_BYTES) >= 0);
  const cutPorts = ports.length - told.length;
  return {
    labels: fitting.labels,
    ports: told,
    hasMorePorts: hasMorePorts || cutPorts > 0,
    cutLabels: fitting.cut,
    cutPorts,
  };
}
