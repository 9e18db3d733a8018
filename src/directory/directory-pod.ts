/** A pod, as other nodes are told of it. */
import type { IpAddress } from '../wire/address.ts';
import type { PodLabels } from './pod-labels.ts';
import type { PodPort } from './pod-port.ts';

export interface DirectoryPod {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly IpAddress[];
  readonly labels: PodLabels;
  /** It has, or may have, others than these: whoever decides by labels does not know its. */
  readonly hasMoreLabels: boolean;
  /** Those that have names. In any order, each once. */
  readonly ports: readonly PodPort[];
  /** It has, or may have, others than these. */
  readonly hasMorePorts: boolean;
  /** A newer pod of its node has taken its name: it goes by its addresses alone. */
  readonly isSuperseded: boolean;
}
