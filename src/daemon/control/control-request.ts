/** Requests to the control API: their shape is checked here, what they ask for by whoever does it. */
import * as v from 'valibot';
import { isKeyId, type ClusterKey } from '../../authentication/cluster-key.ts';
import { ConfigError } from '../../errors.ts';
import type { PodRequest } from '../../api/control-api.ts';
import { eventKinds, kindsOf } from '../../api/event-kind.ts';
import type { EventFilter } from '../process/event-log.ts';
import { integer } from '../config/config-value.ts';
import { parseKey } from '../gossip/key-file.ts';
import { checkPodName } from '../pods/pod-request.ts';
import { CLIENT_PID_HEADER, parseBody } from '../doors/control-exchange.ts';

/** Largest pid that Linux gives (PID_MAX_LIMIT, include/linux/threads.h). */
const MAX_PID = 4_194_304;

const podRequest = v.object({
  netns: v.exactOptional(v.string('is not text')),
  pid: v.exactOptional(v.number('is not a number')),
  newNetns: v.exactOptional(v.boolean('is neither true nor false')),
  addresses: v.exactOptional(v.array(v.string('is not text'), 'is not a list')),
  allowSources: v.exactOptional(v.array(v.string('is not text'), 'is not a list')),
  mac: v.exactOptional(v.string('is not text')),
});

/** Name of a pod, as it stands in a URL. @throws ConfigError unless it may be one. */
export function parsePodName(segment: string): string {
  const name = decodeSegment(segment);
  checkPodName(name);
  return name;
}

/** Name or identity of a node, as it stands in a URL. */
export function parseNodeName(segment: string): string {
  return decodeSegment(segment);
}

const eventQuery: readonly string[] = ['since', 'after', 'kind'];

/** Query of `GET /v1/events`. @throws ConfigError naming the key that is wrong. */
export function parseEventFilter(query: URLSearchParams): EventFilter {
  const unknown = [...query.keys()].find((name) => !eventQuery.includes(name));
  if (unknown !== undefined) throw new ConfigError(unknown, 'is not a known key');
  const kind = query.get('kind');
  return {
    sinceMs: parseTime(query.get('since')),
    after: parseNumber(query.get('after')),
    kinds: kind === null ? undefined : parseKinds(kind),
  };
}

function parseTime(text: string | null): number | undefined {
  if (text === null) return undefined;
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw new ConfigError('since', `${text} is not a time (ISO 8601)`);
  return timeMs;
}

function parseNumber(text: string | null): number | undefined {
  if (text === null) return undefined;
  const result = v.safeParse(integer(0, Number.MAX_SAFE_INTEGER), text);
  if (!result.success) throw new ConfigError('after', result.issues[0].message);
  return result.output;
}

function parseKinds(text: string): EventFilter['kinds'] {
  return text.split(',').flatMap((name) => {
    const kinds = kindsOf(name);
    if (kinds.length === 0) throw new ConfigError('kind', `${name} is none of ${eventKinds.join(', ')}`);
    return kinds;
  });
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

/** Body of `POST /v1/keys`. @throws as {@link parsePodRequest}. No message has the key in it. */
export function parseKeyRequest(body: string): ClusterKey {
  const { key: line, ...rest } = parseBody(body);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ConfigError(unknown, 'is not a known key');
  const key = typeof line === 'string' ? parseKey(line.trim()) : undefined;
  if (key === undefined) throw new ConfigError('key', 'is not 32 bytes in base64: make one with "weft key generate"');
  return key;
}

/** Id of a key, as it stands in a URL. @throws ConfigError unless it may be one. */
export function parseKeyId(segment: string): string {
  const id = decodeSegment(segment).toLowerCase();
  if (!isKeyId(id)) throw new ConfigError('id', `${id} is not the id of a key: 16 hexadecimal digits`);
  return id;
}

/** Query `?force=true`. @throws ConfigError naming the key that is wrong. */
export function parseForce(query: URLSearchParams): boolean {
  const unknown = [...query.keys()].find((name) => name !== 'force');
  if (unknown !== undefined) throw new ConfigError(unknown, 'is not a known key');
  const force = query.get('force') ?? 'false';
  if (force !== 'true' && force !== 'false') throw new ConfigError('force', `${force} is neither true nor false`);
  return force === 'true';
}

/** Value of {@link CLIENT_PID_HEADER}. @throws ConfigError unless it is a pid. */
export function parseClientPid(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const result = v.safeParse(integer(1, MAX_PID), header);
  if (!result.success) throw new ConfigError(CLIENT_PID_HEADER, result.issues[0].message);
  return result.output;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
