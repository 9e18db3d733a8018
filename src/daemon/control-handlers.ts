/** What the control server asks of the daemon. Everything it may not do by itself. */
import type { Peer, Pod, PodRequest, Route, Status, Version } from './api.ts';

export interface ControlHandlers {
  status(): Status;
  peers(): readonly Peer[];
  routes(): readonly Route[];
  pods(): readonly Pod[];
  /**
   * Idempotent. Keys of `request` have the right types; whether they make sense is for the handler to say.
   *
   * @param clientPid process of the client, if it says so: a namespace path may exist in its mount namespace only.
   */
  addPod(name: string, request: PodRequest, clientPid?: number): Promise<Pod>;
  /** Idempotent: `false` if there was none. */
  removePod(name: string): Promise<boolean>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  version(): Version;
}
