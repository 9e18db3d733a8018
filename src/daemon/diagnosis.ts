/**
 * Everything that finds out where packets went, put together: what it is given, and who answers what.
 *
 * Apart from `compose.ts`, which connects what forwards packets: all of this may fail, and traffic goes on.
 */
import type { Logger } from '../env/logger.ts';
import type { Notice, Status } from '../api/control-api.ts';
import type { Audit } from './audit/audit.ts';
import { composeCaptures } from './capture/capture-handlers.ts';
import type { Config } from './config/config.ts';
import type { Dataplane } from './worker/dataplane.ts';
import type { DiagnosisHandlers } from './control/diagnosis-handlers.ts';
import { composeDoctor } from './doctor/doctor-handlers.ts';
import { composeDrops } from './explain/drops.ts';
import type { EventLog } from './process/event-log.ts';
import { composeExplanations } from './explain/explain-handlers.ts';
import { composeFaults } from './faults/fault-handlers.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { GossipKeys } from './gossip/gossip-keys.ts';
import type { IncarnationKeeper } from './state/node-identity.ts';
import type { OwnPrefixes } from './routes/own-prefixes.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { PathProber } from './routes/path-prober.ts';
import type { Pods } from './pods/pods.ts';
import type { SpoofWatch } from './pods/spoof-watch.ts';
import { composeProbes } from './probes/probe-handlers.ts';
import type { RecordedPackets } from './explain/recorded-packets.ts';
import { Remote } from './remote/remote.ts';
import type { Resources } from './resources.ts';
import { composeTraces } from './probes/trace-handlers.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { Underlay } from './underlay/underlay.ts';

/** What it is made from. All of it stays its owner's. */
export interface DiagnosisParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly events: EventLog;
  readonly dataplane: Dataplane;
  readonly resources: Resources;
  readonly recorded: RecordedPackets;
  readonly gossip: Gossip;
  /** Absent where authentication is off. */
  readonly keys: GossipKeys | undefined;
  readonly routes: OverlayRoutes;
  /** Absent where paths are not probed. */
  readonly paths: PathProber | undefined;
  readonly pods: Pods;
  readonly prefixes: OwnPrefixes;
  readonly spoofing: SpoofWatch;
  readonly audit: Audit;
  readonly identity: string;
  readonly incarnations: Pick<IncarnationKeeper, 'saveAgain'>;
  readonly state: Pick<StateDirectory, 'failing'>;
  /** The one in use at the moment. */
  readonly underlay: () => Underlay;
  readonly overlayMtuBytes: number;
  readonly status: () => Status;
}

/** What the daemon has of it. */
export interface Diagnosis {
  readonly handlers: DiagnosisHandlers;
  /** Asks other nodes, and answers them. */
  readonly remote: Remote;
  /** What a status must not be silent about. */
  notices(): Notice[];
  close(): Promise<void>;
}

/** Puts it together. */
export async function composeDiagnosis(parts: DiagnosisParts): Promise<Diagnosis> {
  await using opened = new AsyncDisposableStack();
  const { gossip, identity, logger, recorded, resources } = parts;
  const { conversations } = gossip;
  const remote = new Remote({
    identity,
    conversations,
    members: () => gossip.members(),
    pathRemark: (address) => gossip.pathRemark(address),
    logger,
  });
  const probes = composeProbes(parts, remote);
  opened.defer(() => probes.close());
  const drops = composeDrops(parts, recorded);
  const doctor = composeDoctor(parts, remote, drops);
  opened.defer(() => doctor.close());
  const faults = composeFaults(parts);
  opened.defer(() => faults.close());
  const explanations = composeExplanations(parts, remote, probes.places, recorded, () => faults.handlers.faults());
  const captures = await composeCaptures(
    { ...parts, mostClients: () => resources.doors.descriptors.mostAt('capture') },
    remote,
    probes.places,
  );
  opened.defer(() => captures.close());
  const traces = composeTraces(parts, remote, probes.places, captures.slots);
  opened.defer(() => traces.close());
  const handlers: DiagnosisHandlers = {
    ...faults.handlers,
    captures: () => captures.overview().captures,
    ...drops,
    ...probes.handlers,
    ...traces.handlers,
    ...doctor.handlers,
    ...explanations.handlers,
  };
  const running = opened.move();
  return {
    handlers,
    remote,
    notices: () => [...faults.notices(), ...captures.notices()],
    close: () => running.disposeAsync(),
  };
}
