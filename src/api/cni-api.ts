/** What the control API takes and says of interfaces that a runtime attaches through CNI: `docs/api.md`. */
import type { Pod } from './control-api.ts';

/** Which interface of which container, in which of the runtime's networks. */
export interface AttachmentKey {
  /** Name of the network in the runtime's configuration. */
  readonly cniNetwork: string;
  readonly containerId: string;
  readonly interface: string;
}

/** Body of `POST /v1/attachments`. */
export interface AttachRequest extends AttachmentKey {
  /** Path of a network namespace file, as the client sees it. */
  readonly netns: string;
  /** As the runtime calls the pod; absent: it is called by its container id. */
  readonly podName?: string;
  readonly podNamespace?: string;
  /** Of the Pod object in Kubernetes: one of the same name that comes later has another. */
  readonly podUid?: string;
  /** Addresses of this node's prefixes; absent: the next free ones, one of each family the node has. */
  readonly addresses?: readonly string[];
  readonly mac?: string;
  /** Beside the interface of another network: it leads to the prefixes of the overlay alone, and nothing leaves by it otherwise. */
  readonly alongside?: boolean;
}

/** An interface that is attached. */
export interface Attached {
  readonly pod: Pod;
  /** Of the node's end. */
  readonly hostMac: string;
  /** For each address of the pod, in their order. */
  readonly gateways: readonly string[];
  /** Whether the container's default routes lead through it: not those of a second interface. */
  readonly hasDefaultRoute: boolean;
  /** Who knows the names of the cluster; `null`: nobody does. */
  readonly dns: AttachedDns | null;
}

/** As it goes into the container's resolv.conf. */
export interface AttachedDns {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Body of `POST /v1/attachments/check`. */
export interface AttachmentCheckRequest extends AttachmentKey {
  readonly netns: string;
  /** What it was given; absent: whatever that was. */
  readonly addresses?: readonly string[];
}

/** What is not as it was given, in sentences; empty: all is. */
export interface AttachmentCheck {
  readonly differences: readonly string[];
}

/** Whether another interface could be attached now. */
export interface AttachmentStatus {
  readonly ready: boolean;
  /** Why not; empty: it could. */
  readonly problem: string;
  /** Directory of the spool for removals while no daemon runs. */
  readonly spool: string;
}
