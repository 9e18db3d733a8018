/**
 * Everything that finds out where packets went, put together: what it is given, and who answers what.
 *
 * Apart from `compose.ts`, which connects what forwards packets: all of this may fail, and traffic goes on.
 */
import type { Notice } from '../api/control-api.ts';
import { type CaptureParts, composeCaptures } from './capture/capture-handlers.ts';
import type { DiagnosisHandlers } from './control/diagnosis-handlers.ts';
import { composeDoctor } from './doctor/doctor-handlers.ts';
import type { DoctorParts } from './doctor/doctor-parts.ts';
import { composeDrops, type DropParts } from './explain/drops.ts';
import type { LocalExplainerParts } from './explain/local-explainer.ts';
import type { EventLog } from './process/event-log.ts';
import { composeExplanations } from './explain/explain-handlers.ts';
import { composeFaults, type FaultParts } from './faults/fault-handlers.ts';
import { composeProbes, type ProbeParts } from './probes/probe-handlers.ts';
import { composePolicyCounts } from './policy/policy-count-handlers.ts';
import { policyHandlers, type PolicyHandlerParts } from './policy/policy-handlers.ts';
import { placeHandlers } from './places/place-handlers.ts';
import type { RecordedPackets } from './explain/recorded-packets.ts';
import { Remote } from './remote/remote.ts';
import type { Resources } from './resources.ts';
import { composeTraces, type TraceParts } from './probes/trace-handlers.ts';

/** What it is made from: what each of its rooms needs. All of it stays its owner's. */
export interface DiagnosisParts
  extends
    DoctorParts,
    DropParts,
    FaultParts,
    LocalExplainerParts,
    Omit<PolicyHandlerParts, 'nodeName'>,
    ProbeParts,
    TraceParts,
    Omit<CaptureParts, 'mostClients'> {
  readonly events: EventLog;
  readonly resources: Resources;
  readonly recorded: RecordedPackets;
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
    ...placeHandlers(probes.places),
    // Pods are on Nodes of Kubernetes, which may be called otherwise.
    ...policyHandlers({ ...parts, nodeName: parts.config.kubernetes?.nodeName ?? parts.config.nodeName }),
    ...composePolicyCounts(
      { policy: parts.policy, nodeName: parts.config.nodeName, startedMs: () => Date.now() - performance.now() },
      remote,
    ),
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
