/** What the status says of names, also where there are none. */
import type { NamesStatus } from '../../api/names-api.ts';
import type { Config } from '../config/config.ts';
import { NameCounters } from './name-counters.ts';
import type { Names } from './names.ts';

/** @param names `undefined`: the configuration does not want them. */
export function namesStatus({ names: { domain } }: Config, names: Names | undefined): NamesStatus {
  if (names !== undefined) return { enabled: true, ...names.status() };
  const counts = new NameCounters().read();
  return {
    enabled: false,
    domain: domain.join('.'),
    listening: [],
    resolvers: [],
    known: 0,
    contested: 0,
    unnameable: 0,
    ...counts,
  };
}
