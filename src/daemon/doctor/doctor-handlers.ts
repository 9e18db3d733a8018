/** What the control server asks of the doctor. */
import { ConfigError } from '../../errors.ts';
import type { DoctorReport } from '../../doctor/finding.ts';
import type { DiagnosisParts } from '../diagnosis.ts';
import type { DropHandlers } from '../explain/drops.ts';
import { Doctor } from './doctor.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';

export interface DoctorHandlers {
  /** @param isForAll of all nodes of the cluster, by asking them. */
  doctor(isForAll: boolean): Promise<DoctorReport>;
  /** Puts right what is weft's own on this node, and looks again. */
  treat(): Promise<DoctorReport>;
}

/** Puts it together. */
export function composeDoctor(
  parts: DiagnosisParts,
  remote: RemoteNodes,
  drops: DropHandlers,
): { readonly handlers: DoctorHandlers; close(): void } {
  const doctor = new Doctor({ parts, audit: parts.audit, remote, drops });
  return {
    handlers: { doctor: async (isForAll) => doctor.report(isForAll), treat: async () => doctor.treat() },
    close: () => doctor.close(),
  };
}

/** Query `?all=true`. @throws ConfigError naming the key that is wrong. */
export function parseDoctorQuery(query: URLSearchParams): boolean {
  const unknown = [...query.keys()].find((name) => name !== 'all');
  if (unknown !== undefined) throw new ConfigError(unknown, 'is not a known key');
  const all = query.get('all') ?? 'false';
  if (all !== 'true' && all !== 'false') throw new ConfigError('all', `${all} is neither true nor false`);
  return all === 'true';
}
