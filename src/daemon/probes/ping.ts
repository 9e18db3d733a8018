/** One probe over each of the ways to a pod, a node or an address. */
import * as v from 'valibot';
import { formatIpAddress } from '../../wire/address.ts';
import { parseBody } from '../doors/control-exchange.ts';
import type { Echoes } from './echoes.ts';
import type { PeerWays } from './peer-ways.ts';
import type { PingedWay, PingRequest, PingRound } from '../../api/ping-api.ts';
import type { Place, Places } from '../places/places.ts';
import { sizedEcho } from './sized-echo.ts';
import { parseKeys } from '../doors/request-keys.ts';

export interface PingOptions {
  readonly nodeName: string;
  readonly places: Places;
  readonly echoes: Echoes;
  readonly ways: PeerWays;
}

/** How long an answer is awaited if nothing is said, in ms. */
const PING_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 10_000;
/** Shortest packet that carries anything, and the longest that there is, in bytes. */
const MIN_SIZE_BYTES = 64;
const MAX_SIZE_BYTES = 65_535;

const pingRequest = v.strictObject({
  target: v.pipe(v.string('is not text'), v.minLength(1, 'is empty')),
  sizeBytes: v.exactOptional(whole(MIN_SIZE_BYTES, MAX_SIZE_BYTES)),
  timeoutMs: v.exactOptional(whole(1, MAX_TIMEOUT_MS)),
});

/** Body of `POST /v1/ping`. @throws ConfigError naming the key that is wrong; WeftError `request-invalid` */
export function parsePingRequest(body: string): PingRequest {
  return parseKeys(pingRequest, parseBody(body));
}

export class Ping {
  readonly #options: PingOptions;

  constructor(options: PingOptions) {
    this.#options = options;
  }

  /** Sends the probes all at once, and waits for what becomes of them. @throws as `Places.find` */
  async round({ target, sizeBytes, timeoutMs = PING_TIMEOUT_MS }: PingRequest): Promise<PingRound> {
    const place = await this.#options.places.find(target);
    const { kind, label, node, remark } = place;
    const ways = await this.#try(place, timeoutMs, sizeBytes);
    return { target: { kind, label, node, remark }, ways };
  }

  async #try({ kind, node, addresses }: Place, timeoutMs: number, sizeBytes?: number): Promise<PingedWay[]> {
    const { nodeName, ways, echoes } = this.#options;
    const isHere = node === nodeName;
    const toNode = isHere ? [] : [ways.tunnel(node, timeoutMs, sizeBytes)];
    if (kind === 'node' && !isHere) toNode.unshift(ways.underlay(node, timeoutMs, sizeBytes));
    const asked = kind === 'node' && !isHere ? [] : addresses;
    const overlay = asked.map(async (address): Promise<PingedWay[]> => [
      {
        way: 'overlay',
        to: formatIpAddress(address),
        ...(await sizedEcho({ send: async (size) => echoes.echo(address, timeoutMs, size), sizeBytes })),
      },
    ]);
    return (await Promise.all([...toNode, ...overlay])).flat();
  }
}

function whole(min: number, max: number) {
  const problem = `is not a whole number from ${min} to ${max}`;
  return v.pipe(v.number(problem), v.integer(problem), v.minValue(min, problem), v.maxValue(max, problem));
}
