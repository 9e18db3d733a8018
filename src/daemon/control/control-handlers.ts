/** What the control server asks of the daemon. Everything it may not do by itself. */
import type {
  AuditReport,
  Digest,
  ForgottenPeer,
  HistoryEvent,
  Peer,
  Pod,
  PodRequest,
  Route,
  Status,
  Version,
} from '../../api/control-api.ts';
import type { IpamStatus, LeaseCheck } from '../../api/ipam-api.ts';
import type { DirectoryHandlers } from '../places/directory-handlers.ts';
import type { AttachmentHandlers } from '../cni/attachment-answerers.ts';
import type { DiagnosisHandlers } from './diagnosis-handlers.ts';
import type { KeyHandlers } from '../gossip/key-handlers.ts';
import type { RulebookHandlers } from '../rulebook/rulebook-handlers.ts';
import type { ServiceHandlers } from '../services/service-handlers.ts';
import type { EventFilter } from '../process/event-log.ts';

export interface ControlHandlers
  extends AttachmentHandlers, DiagnosisHandlers, DirectoryHandlers, KeyHandlers, RulebookHandlers, ServiceHandlers {
  status(): Status | Promise<Status>;
  peers(): readonly Peer[];
  /** Several if several bore the name. @param node a name or an identity. @throws WeftError `peer-unknown`, `peer-alive` */
  forgetPeer(node: string): readonly ForgottenPeer[];
  routes(): readonly Route[];
  digest(): Digest;
  events(filter: EventFilter): readonly HistoryEvent[];
  /** The last one; the one at the start if there was no other. */
  lastAudit(): AuditReport;
  /** Looks now, and repairs what is ours. */
  audit(): Promise<AuditReport>;
  pods(): Promise<readonly Pod[]>;
  /**
   * Idempotent. Keys of `request` have the right types; whether they make sense is for the handler to say.
   *
   * @param clientPid process of the client, if it says so: a namespace path may exist in its mount namespace only.
   */
  addPod(name: string, request: PodRequest, clientPid?: number): Promise<Pod>;
  /** Idempotent: `false` if there was none. */
  removePod(name: string, namespace: string): Promise<boolean>;
  ipamStatus(): IpamStatus;
  /** @param repairs whether to put right what is weft's own. */
  checkLeases(repairs: boolean): Promise<LeaseCheck>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  version(): Version;
}
