/** What the control server asks of the daemon to find out where packets went. */
import type { CaptureListHandlers } from '../capture/capture-answerers.ts';
import type { DoctorHandlers } from '../doctor/doctor-handlers.ts';
import type { DropHandlers } from '../explain/drops.ts';
import type { ExplainHandlers } from '../explain/explain-handlers.ts';
import type { FaultHandlers } from '../faults/fault-handlers.ts';
import type { PlaceHandlers } from '../places/place-handlers.ts';
import type { PolicyCountHandlers } from '../policy/policy-count-handlers.ts';
import type { PolicyHandlers } from '../policy/policy-handlers.ts';
import type { ProbeHandlers } from '../probes/probe-handlers.ts';
import type { TraceHandlers } from '../probes/trace-handlers.ts';

export type DiagnosisHandlers = CaptureListHandlers &
  DoctorHandlers &
  DropHandlers &
  ExplainHandlers &
  FaultHandlers &
  PlaceHandlers &
  PolicyCountHandlers &
  PolicyHandlers &
  ProbeHandlers &
  TraceHandlers;
