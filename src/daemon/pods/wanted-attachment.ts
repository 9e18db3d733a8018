/** An interface of a container that a runtime wants to be a pod, and what becomes of it. */
import type { Pod } from '../../api/control-api.ts';
import type { PodAttachment } from './pod-key.ts';
import type { PodWish } from './pod-request.ts';
import type { PodCable } from './pod-wiring.ts';

/** Checked. */
export interface WantedAttachment {
  readonly name: string;
  /** With the name of the interface. */
  readonly wish: PodWish;
  readonly attachment: PodAttachment;
}

/** One that is there. */
export interface AttachedPod {
  readonly pod: Pod;
  readonly cable: PodCable;
}
