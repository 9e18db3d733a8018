/** Requests for faults: their shape and their limits. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { parseBody } from '../doors/control-exchange.ts';
import type { FaultRequest } from '../../api/fault-api.ts';
import { OVERHEAD_BYTES } from '../../dataplane/encapsulation.ts';
import { parseKeys } from '../doors/request-keys.ts';

/** Longest that a datagram is held back, in ms. */
const MAX_DELAY_MS = 10_000;
/** Shortest outer packet that anything can be in: IPv4, UDP, VXLAN and Ethernet. */
const MIN_CLIP_BYTES = OVERHEAD_BYTES[4];
const MAX_CLIP_BYTES = 65_535;
const MAX_SEED = 0xff_ff_ff_ff;

/** What makes a rule do something. */
const effects = [
  'lossRatio',
  'duplicateRatio',
  'corruptRatio',
  'reorderRatio',
  'delayMs',
  'jitterMs',
  'clipBytes',
] as const;

const request = v.strictObject({
  direction: v.picklist(['out', 'in'], 'is neither out nor in'),
  peer: v.exactOptional(v.pipe(v.string('is not text'), v.minLength(1, 'is empty'))),
  lossRatio: v.exactOptional(number(0, 1)),
  duplicateRatio: v.exactOptional(number(0, 1)),
  corruptRatio: v.exactOptional(number(0, 1)),
  reorderRatio: v.exactOptional(number(0, 1)),
  delayMs: v.exactOptional(number(0, MAX_DELAY_MS)),
  jitterMs: v.exactOptional(number(0, MAX_DELAY_MS)),
  clipBytes: v.exactOptional(v.pipe(number(MIN_CLIP_BYTES, MAX_CLIP_BYTES), v.integer('is not a whole number'))),
  seed: v.exactOptional(v.pipe(number(0, MAX_SEED), v.integer('is not a whole number'))),
});

/** Body of `POST /v1/faults`. @throws ConfigError naming the key that is wrong; WeftError `request-invalid` */
export function parseFaultRequest(body: string): FaultRequest {
  const given = parseKeys(request, parseBody(body));
  if (effects.some((effect) => (given[effect] ?? 0) > 0)) return given;
  throw new ConfigError('', `nothing would happen: give at least one of ${effects.join(', ')}`);
}

/** Number of a fault, as it stands in a URL. @throws ConfigError unless it may be one. */
export function parseFaultId(segment: string): number {
  const id = Number(segment);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new ConfigError('id', `${segment} is not the number of a fault`);
}

function number(least: number, most: number) {
  const problem = `is not a number from ${least} to ${most}`;
  return v.pipe(v.number(problem), v.minValue(least, problem), v.maxValue(most, problem));
}
