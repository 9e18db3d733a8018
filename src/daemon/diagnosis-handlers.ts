/** What the control server asks of the daemon to find out where packets went. */
import type { RunningCapture } from './capture/capture-api.ts';
import type { DoctorHandlers } from './doctor/doctor-handlers.ts';
import type { DropHandlers } from './explain/drops.ts';
import type { ExplainHandlers } from './explain/explain-handlers.ts';
import type { FaultHandlers } from './faults/fault-handlers.ts';
import type { ProbeHandlers } from './probes/probe-handlers.ts';
import type { TraceHandlers } from './probes/trace-handlers.ts';

/** Who captures here; what is captured goes through a socket of its own. */
export interface CaptureListHandlers {
  captures(): readonly RunningCapture[];
}

export type DiagnosisHandlers = CaptureListHandlers &
  DoctorHandlers &
  DropHandlers &
  ExplainHandlers &
  FaultHandlers &
  ProbeHandlers &
  TraceHandlers;
