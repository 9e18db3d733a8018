/** Requests to the control API: their shape is checked here, what they ask for by whoever does it. */
import * as v from 'valibot';
import { ConfigError, WeftError } from '../errors.ts';
import type { PodRequest } from './api.ts';
import { integer } from './config-value.ts';
import { checkPodName } from './pod-request.ts';

/** Largest pid that Linux gives (PID_MAX_LIMIT, include/linux/threads.h). */
const MAX_PID = 4_194_304;

/** Name of the header that carries the client's pid. */
export const CLIENT_PID_HEADER = 'weft-client-pid';

const podRequest = v.object({
  netns: v.exactOptional(v.string('is not text')),
  pid: v.exactOptional(v.number('is not a number')),
  newNetns: v.exactOptional(v.boolean('is neither true nor false')),
  addresses: v.exactOptional(v.array(v.string('is not text'), 'is not a list')),
  mac: v.exactOptional(v.string('is not text')),
});

/** Name of a pod, as it stands in a URL. @throws ConfigError unless it may be one. */
export function parsePodName(segment: string): string {
  const name = decodeSegment(segment);
  checkPodName(name);
  return name;
}

/**
 * Body of `PUT /v1/pods/NAME`.
 *
 * @throws WeftError `request-invalid` if it is not a JSON object, {@link ConfigError} naming the key that is wrong.
 */
export function parsePodRequest(body: string): PodRequest {
  const input = parseBody(body);
  const unknown = Object.keys(input).find((name) => !Object.hasOwn(podRequest.entries, name));
  if (unknown !== undefined) throw new ConfigError(unknown, 'is not a known key');
  const result = v.safeParse(podRequest, input);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ConfigError(v.getDotPath(issue) ?? '', issue.message);
}

/** Value of {@link CLIENT_PID_HEADER}. @throws ConfigError unless it is a pid. */
export function parseClientPid(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const result = v.safeParse(integer(1, MAX_PID), header);
  if (!result.success) throw new ConfigError(CLIENT_PID_HEADER, result.issues[0].message);
  return result.output;
}

function parseBody(body: string): Record<string, unknown> {
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    throw new WeftError('request-invalid', 'the body is not JSON');
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new WeftError('request-invalid', 'the body is not a JSON object');
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
