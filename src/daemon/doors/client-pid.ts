/** Who asks, as a client says it of itself. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { integer } from '../config/config-value.ts';
import { CLIENT_PID_HEADER } from './control-exchange.ts';

/** Largest pid that Linux gives (PID_MAX_LIMIT, include/linux/threads.h). */
const MAX_PID = 4_194_304;

/** Value of {@link CLIENT_PID_HEADER}. @throws ConfigError unless it is a pid. */
export function parseClientPid(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const result = v.safeParse(integer(1, MAX_PID), header);
  if (!result.success) throw new ConfigError(CLIENT_PID_HEADER, result.issues[0].message);
  return result.output;
}
