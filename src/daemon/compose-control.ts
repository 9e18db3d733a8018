/** What is told of the daemon, and at which doors: status, metrics, the control API. */
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { Audit } from './audit/audit.ts';
import { attachmentHandlers, type Attachments } from './cni/attachments.ts';
import type { Composition } from './composition.ts';
import type { ControlHandlers } from './control/control-handlers.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { DirectorySource } from './gossip/directory-metrics.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { GossipKeys } from './gossip/gossip-keys.ts';
import type { GossipHistograms } from './gossip/gossip-metrics.ts';
import { keyHandlers } from './gossip/key-handlers.ts';
import { Metrics } from './metrics.ts';
import { directoryHandlers, type DirectoryHandlerParts } from './places/directory-handlers.ts';
import type { Pods } from './pods/pods.ts';
import { readVersion } from './process/version.ts';
import type { Resources } from './resources.ts';
import { digestOf } from './routes/digest.ts';
import { rulebookHandlers, type RulebookHandlerParts } from './rulebook/rulebook-handlers.ts';
import { serviceHandlers, type ServiceHandlerParts } from './services/service-handlers.ts';
import type { RefusedTraffic } from './rules/refused-traffic.ts';
import type { StatusView } from './status-view.ts';
import type { Notice } from '../api/control-api.ts';

export interface ControlParts {
  readonly view: StatusView;
  readonly gossip: Gossip;
  readonly histograms: GossipHistograms;
  readonly keys: GossipKeys | undefined;
  readonly routes: OverlayRoutes;
  readonly pods: Pods;
  readonly directory: DirectorySource;
  /** What questions for the pods of all nodes are answered from. */
  readonly known: DirectoryHandlerParts;
  readonly attachments: Attachments;
  readonly audit: Audit;
  readonly rules: RefusedTraffic;
  readonly diagnosis: Diagnosis;
  readonly resources: Resources;
  readonly rulebook: RulebookHandlerParts;
  /** `undefined`: others have the services here. */
  readonly services: ServiceHandlerParts | undefined;
}

/** Opens the doors. @returns what a person should know of them. @throws WeftError `socket-in-use`, `port-in-use` */
export async function composeControl(
  { config, events, opened }: Composition,
  {
    view,
    gossip,
    histograms,
    keys,
    routes,
    pods,
    attachments,
    directory,
    known,
    audit,
    rules,
    diagnosis,
    resources,
    rulebook,
    services,
  }: ControlParts,
): Promise<readonly Notice[]> {
  const metrics = new Metrics(
    () => view.status(),
    () => routes.peers(gossip.clockOffsetMs()),
    histograms,
    () => diagnosis.remote.counters,
    resources.metrics,
    directory,
  );
  const handlers: ControlHandlers = {
    status: async () => rules.look().then(() => view.status()),
    peers: () => routes.peers(gossip.clockOffsetMs()),
    forgetPeer: (node) => gossip.forget(node).map(({ announcement: { name, identity } }) => ({ name, identity })),
    routes: () => routes.routes(),
    digest: () => digestOf(gossip.members(), routes.inUse),
    events: (filter) => events.list(filter),
    lastAudit: () => audit.last(),
    audit: () => audit.run('request'),
    pods: async () => {
      await pods.lookInside();
      return pods.list();
    },
    addPod: pods.add.bind(pods),
    ...directoryHandlers(known),
    removePod: pods.remove.bind(pods),
    ipamStatus: pods.leaseStatus.bind(pods),
    checkLeases: pods.checkLeases.bind(pods),
    ...attachmentHandlers(attachments),
    ...keyHandlers(keys),
    ...rulebookHandlers(rulebook),
    ...serviceHandlers(services),
    ...diagnosis.handlers,
    metrics: async () => rules.look().then(() => metrics.text()),
    version: readVersion,
  };
  opened.defer(() => resources.doors.close());
  return await resources.doors.openAll(config, { handlers, metrics });
}
