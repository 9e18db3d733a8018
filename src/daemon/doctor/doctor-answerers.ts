/** What the control API answers for the doctor; `docs/api.md` documents each path. */
import type { Answerers } from '../doors/control-exchange.ts';
import { type DoctorHandlers, parseDoctorQuery } from './doctor-handlers.ts';

export const doctorAnswerers: Answerers<DoctorHandlers> = {
  'GET /v1/doctor': async (handlers, { query }) => ({ json: await handlers.doctor(parseDoctorQuery(query)) }),
  'POST /v1/doctor': async (handlers) => ({ json: await handlers.treat() }),
};
