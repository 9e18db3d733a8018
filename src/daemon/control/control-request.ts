/** Requests to the control API: their shape is checked here, what they ask for by whoever does it. */
import * as v from 'valibot';
import { isKeyId, type ClusterKey } from '../../authentication/cluster-key.ts';
import { ConfigError } from '../../errors.ts';
import type { PodRequest } from '../../api/control-api.ts';
import { eventKinds, kindsOf } from '../../api/event-kind.ts';
import type { EventFilter } from '../process/event-log.ts';
import { integer } from '../config/config-value.ts';
import { parseKey } from '../gossip/key-file.ts';
import { checkPodName, parseNamespace } from '../pods/pod-request.ts';
import { parseBody } from '../doors/control-exchange.ts';
import { parseKeys, parseTime, parseTruth, refuseUnknownKeys } from '../doors/request-keys.ts';

const podRequest = v.strictObject({
  namespace: v.exactOptional(v.string('is not text')),
  labels: v.exactOptional(v.record(v.string(), v.string('is not text'), 'are not an object of texts')),
  device: v.exactOptional(v.string('is not text')),
  netns: v.exactOptional(v.string('is not text')),
  pid: v.exactOptional(v.number('is not a number')),
  newNetns: v.exactOptional(v.boolean('is neither true nor false')),
  addresses: v.exactOptional(v.array(v.string('is not text'), 'is not a list')),
  allowSources: v.exactOptional(v.array(v.string('is not text'), 'is not a list')),
  mac: v.exactOptional(v.string('is not text')),
});

const NO_KEY = 'is not 32 bytes in base64: make one with "weft key generate"';

const keyRequest = v.strictObject({ key: v.string(NO_KEY) });

/** Name of a pod, as it stands in a URL. @throws ConfigError unless it may be one. */
export function parsePodName(segment: string): string {
  const name = decodeSegment(segment);
  checkPodName(name);
  return name;
}

/** Query `?namespace=NAMESPACE`. @throws ConfigError unless a pod may have it. */
export function parsePodNamespace(query: URLSearchParams): string {
  refuseUnknownKeys(query, ['namespace']);
  return parseNamespace(query.get('namespace') ?? undefined);
}

/** Name or identity of a node, as it stands in a URL. */
export function parseNodeName(segment: string): string {
  return decodeSegment(segment);
}

const eventQuery: readonly string[] = ['since', 'after', 'kind'];

/** Query of `GET /v1/events`. @throws ConfigError naming the key that is wrong. */
export function parseEventFilter(query: URLSearchParams): EventFilter {
  refuseUnknownKeys(query, eventQuery);
  const kind = query.get('kind');
  return {
    sinceMs: parseTime(query, 'since'),
    after: parseNumber(query.get('after')),
    kinds: kind === null ? undefined : parseKinds(kind),
  };
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
  return parseKeys(podRequest, parseBody(body));
}

/** Body of `POST /v1/keys`. @throws as {@link parsePodRequest}. No message has the key in it. */
export function parseKeyRequest(body: string): ClusterKey {
  const { key: line } = parseKeys(keyRequest, parseBody(body));
  const key = parseKey(line.trim());
  if (key === undefined) throw new ConfigError('key', NO_KEY);
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
  refuseUnknownKeys(query, ['force']);
  return parseTruth(query, 'force');
}

/** Query `?repair=true`. @throws ConfigError naming the key that is wrong. */
export function parseRepair(query: URLSearchParams): boolean {
  refuseUnknownKeys(query, ['repair']);
  return parseTruth(query, 'repair');
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Longest name of a place: of a node, of a namespace and of a pod, with what stands between them. */
const MAX_PLACE_NAME_LENGTH = 600;

/** Query of `GET /v1/place`. @throws ConfigError naming the key that is wrong. */
export function parsePlaceName(query: URLSearchParams): string {
  refuseUnknownKeys(query, ['name']);
  const name = query.get('name') ?? '';
  if (name === '') throw new ConfigError('name', 'is needed');
  if (name.length > MAX_PLACE_NAME_LENGTH)
    throw new ConfigError('name', `is longer than ${MAX_PLACE_NAME_LENGTH} characters`);
  return name;
}
