/** What the control server asks of the daemon to find out where packets went. */
import type { RunningCapture } from './capture-api.ts';
import type { DoctorHandlers } from './doctor-handlers.ts';
import type { DropHandlers } from './drops.ts';
import type { ExplainHandlers } from './explain-handlers.ts';
import type { FaultHandlers } from './fault-handlers.ts';
import type { ProbeHandlers } from './probe-handlers.ts';
import type { TraceHandlers } from './trace-handlers.ts';

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
