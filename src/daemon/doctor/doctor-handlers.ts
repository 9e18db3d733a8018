/** What the control server asks of the doctor. */
import type { PortQuestion } from '../../doctor/facts.ts';
import { ConfigError } from '../../errors.ts';
import type { DoctorReport } from '../../doctor/finding.ts';
import type { DoctorParts } from './doctor-parts.ts';
import type { DropHandlers } from '../explain/drops.ts';
import { Doctor, type DoctorQuery } from './doctor.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { MAX_PORT } from '../../wire/udp.ts';
import { parseTruth, refuseUnknownKeys } from '../doors/request-keys.ts';

export interface DoctorHandlers {
  /** Of this node, or of all nodes of the cluster by asking them. @throws NotFoundError `pod-unknown` */
  doctor(query: DoctorQuery): Promise<DoctorReport>;
  /** Puts right what is weft's own on this node, and looks again. */
  treat(): Promise<DoctorReport>;
}

/** Puts it together. */
export function composeDoctor(
  parts: DoctorParts,
  remote: RemoteNodes,
  drops: DropHandlers,
): { readonly handlers: DoctorHandlers; close(): void } {
  const doctor = new Doctor({ parts, audit: parts.audit, remote, drops });
  return {
    handlers: { doctor: async (query) => doctor.report(query), treat: async () => doctor.treat() },
    close: () => doctor.close(),
  };
}

/** Query `?all=true`, or `?pod=web&port=80&protocol=tcp`. @throws ConfigError naming the key that is wrong. */
export function parseDoctorQuery(query: URLSearchParams): DoctorQuery {
  refuseUnknownKeys(query, ['all', 'pod', 'port', 'protocol']);
  const isForAll = parseTruth(query, 'all');
  const question = parseQuestion(query);
  if (question === undefined) return { isForAll };
  if (isForAll) throw new ConfigError('pod', 'is of this node: leave out all');
  return { isForAll: false, question };
}

function parseQuestion(query: URLSearchParams): PortQuestion | undefined {
  const [pod, port, protocol] = ['pod', 'port', 'protocol'].map((key) => query.get(key));
  if (pod === null && port === null && protocol === null) return undefined;
  if (pod == null || port == null)
    throw new ConfigError(pod == null ? 'pod' : 'port', 'is missing: pod and port go together');
  const number = Number(port);
  if (!/^\d{1,5}$/.test(port) || number < 1 || number > MAX_PORT)
    throw new ConfigError('port', `${port} is not 1 to ${MAX_PORT}`);
  const name = protocol ?? 'tcp';
  if (name !== 'tcp' && name !== 'udp') throw new ConfigError('protocol', `${name} is neither tcp nor udp`);
  return { pod, port: number, protocol: name };
}
