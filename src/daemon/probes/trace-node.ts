/** This node's part in traces, its own and those of others: it listens, sends, and says who is next on the way. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { ConfigError, NotFoundError, SystemCallError } from '../../errors.ts';
import { hasPorts, isEcho, minSizeBytes } from '../../explain/packet-description.ts';
import { longestMatch } from '../../routing/longest-match.ts';
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { type Prefix, prefixContains } from '../../wire/prefix.ts';
import { keyOf } from '../../forwarding/active-peers.ts';
import type { CaptureSlots } from '../capture/capture-slots.ts';
import type { OwnPrefixes } from '../routes/own-prefixes.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { RemoteCaller, RemoteNodes } from '../remote/remote-nodes.ts';
import type { Sighting } from '../../api/trace-api.ts';
import { traceFilter } from './trace-filter.ts';
import { type NamedNumber, TraceListener } from './trace-listener.ts';
import type { KernelSeen, KernelTraces } from './kernel-traces.ts';
import { encodeTraceProbe, NUMBER_BITS, type TracedPacket } from './trace-probe.ts';

export interface TraceNodeOptions {
  readonly nodeName: string;
  readonly identity: string;
  readonly remote: RemoteNodes;
  readonly slots: Pick<CaptureSlots, 'begin' | 'end'>;
  /** Resolves when the workers do what the slots last told them. */
  readonly obeyed: () => Promise<void>;
  readonly routes: Pick<OverlayRoutes, 'inUse' | 'waysTo'>;
  /** Sends a whole IP packet out of the pod that has the source address, or that routes it, or else by the routes of this node. @throws WeftError */
  readonly send: (packet: Uint8Array, source: IpAddress, destination: IpAddress) => void;
  /** What the kernel says of packets of a trace. */
  readonly kernel: Pick<KernelTraces, 'begin' | 'end'>;
  /** Packets are sent from these only: this node's prefixes, with those behind its pods. */
  readonly prefixes: Pick<OwnPrefixes, 'current'>;
  /** And to these, or where a route leads. */
  readonly clusterPrefixes: readonly Prefix[];
}

/** What nodes ask each other. */
export const TraceQuestion = { begin: 'trace-begin', send: 'trace-send', end: 'trace-end' } as const;

/** A trace, as nodes tell each other: addresses are text. */
export type ToldTrace = Omit<TracedPacket, 'source' | 'destination'> & {
  readonly source: string;
  readonly destination: string;
};

/** What `begin` asks for: nodes that are older know of no count. */
export type TraceWish = ToldTrace & { readonly count?: number };

/** The answer to `begin`: the number of the listener here, and the nodes to which such packets go from here, and answers. */
export interface TraceBegun {
  readonly listener: number;
  readonly next: readonly string[];
}

/** The answer to `end`. */
export interface TraceSeen extends KernelSeen {
  readonly sightings: readonly Sighting[];
  readonly lost: number;
}

/** The answer to `send`: `refused` is empty, or why the kernel did not send it. */
export interface TraceSent {
  readonly waitedMs: number;
  readonly refused: string;
}

/** How long an answer to a probe is awaited, and how often is looked, in ms. */
const ANSWER_TIMEOUT_MS = 1_000;
const LOOK_MS = 5;
/** After which a listener is forgotten that nobody asks for, in ms. */
const EXPIRY_MS = 120_000;
/** What is kept of each packet, in bytes: an error quotes one, behind headers. */
const SNAPLEN_BYTES = 192;
/** Of each worker: some hundreds of packets, and all of them are of the trace. */
const RING_BYTES = 262_144;

const address = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): IpAddress => {
    const parsed = parseIpAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: 'is no address' });
    return NEVER;
  }),
);
const whole = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const toldTrace = v.object({
  source: address,
  destination: address,
  protocol: whole(0xff),
  sourcePort: whole(0xff_ff),
  destinationPort: whole(0xff_ff),
  sizeBytes: whole(0xff_ff),
  mark: whole(0xff_ff),
  count: v.optional(v.pipe(whole((1 << NUMBER_BITS) - 1), v.minValue(1)), 1),
});
const sendOrder = v.object({ listener: whole(Number.MAX_SAFE_INTEGER), number: whole((1 << NUMBER_BITS) - 1) });
const endOrder = v.object({ listener: whole(Number.MAX_SAFE_INTEGER) });

interface Listening {
  /** Of the node that asked for it. */
  readonly identity: string;
  readonly traced: TracedPacket;
  readonly listener: TraceListener;
  readonly expiry: NodeJS.Timeout;
}

export class TraceNode {
  readonly #options: TraceNodeOptions;
  readonly #listening = new Map<number, Listening>();

  constructor(options: TraceNodeOptions) {
    this.#options = options;
    const { remote } = options;
    remote.answer(TraceQuestion.begin, async (body, caller) => {
      const { count, ...traced } = parseTrace(body);
      return await this.#begin(traced, count, caller);
    });
    remote.answer(TraceQuestion.send, async (body, caller) => {
      const { listener, number } = parse(sendOrder, body);
      return await this.#send(this.#find(listener, caller), number);
    });
    remote.answer(TraceQuestion.end, async (body, caller) => {
      const { listener } = parse(endOrder, body);
      this.#find(listener, caller);
      return await this.#end(listener);
    });
  }

  /** Ends all listening. */
  close(): void {
    for (const listener of this.#listening.keys()) this.#endLater(listener);
  }

  async #begin(traced: TracedPacket, count: number, caller: RemoteCaller): Promise<TraceBegun> {
    const { nodeName, identity, slots, obeyed } = this.#options;
    const text = `trace from ${formatIpAddress(traced.source)} to ${formatIpAddress(traced.destination)}`;
    const { capture, rings } = slots.begin({
      spec: { filter: { text, program: traceFilter(traced) }, snaplenBytes: SNAPLEN_BYTES },
      client: `weft trace on ${caller.name}`,
      isTrace: true,
      isRemote: caller.identity !== identity,
      ringBytes: RING_BYTES,
    });
    const names = this.#names();
    const listener = new TraceListener(traced, rings, (peer) => names.get(peer));
    const expiry = setTimeout(() => this.#endLater(capture), EXPIRY_MS).unref();
    this.#listening.set(capture, { identity: caller.identity, traced, listener, expiry });
    await Promise.all([obeyed(), this.#options.kernel.begin(capture, traced, count)]);
    const next = [traced.destination, traced.source].flatMap((one) => this.#next(one));
    return { listener: capture, next: [...new Set(next)].filter((name) => name !== nodeName) };
  }

  async #send({ traced, listener }: Listening, number: number): Promise<TraceSent> {
    this.#check(traced);
    try {
      this.#options.send(encodeTraceProbe(traced, number), traced.source, traced.destination);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      if (error.errnoName !== 'EMSGSIZE') return { waitedMs: 0, refused: refusalWords(error.errnoName) };
      throw new ConfigError(
        'sizeBytes',
        `${traced.sizeBytes} is more than the MTU of the device that it would go through: see weft explain --size`,
      );
    }
    const startedMs = performance.now();
    const waited = (): number => performance.now() - startedMs;
    while (waited() < ANSWER_TIMEOUT_MS && !listener.isOver(number)) await sleep(LOOK_MS);
    return { waitedMs: waited(), refused: '' };
  }

  /** Nobody has this node send what its pods could not, or beyond the overlay. @throws ConfigError */
  #check({ source, destination }: TracedPacket): void {
    if (!this.#options.prefixes.current().some((prefix) => prefixContains(prefix, source))) {
      throw new ConfigError('source', `${formatIpAddress(source)} is no address of ${this.#options.nodeName}`);
    }
    const { clusterPrefixes } = this.#options;
    const isWefts = clusterPrefixes.some((prefix) => prefixContains(prefix, destination));
    if (isWefts || this.#routeTo(destination) !== undefined) return;
    const what = `${formatIpAddress(destination)} is no address of the overlay`;
    throw new ConfigError('destination', `${what}: name a pod, or ask weft explain, which also follows services`);
  }

  async #end(id: number): Promise<TraceSeen> {
    const { listener, expiry } = this.#listening.get(id)!;
    clearTimeout(expiry);
    const sightings = listener.look();
    const { lost } = listener;
    this.#listening.delete(id);
    this.#options.slots.end(id, 'asked', { packets: sightings.length, lost, bytes: 0 });
    return { sightings, lost, ...(await this.#options.kernel.end(id)) };
  }

  /** Of a listener that nobody asks any more. */
  #endLater(id: number): void {
    void this.#end(id);
  }

  /** @throws NotFoundError `trace-over`, also for the listener of somebody else */
  #find(id: number, { identity }: RemoteCaller): Listening {
    const found = this.#listening.get(id);
    if (found?.identity !== identity) throw new NotFoundError('trace-over', 'nobody listens for this trace any more');
    return found;
  }

  /** Names of the nodes to which packets for an address go from here. */
  #next(target: IpAddress): string[] {
    const route = this.#routeTo(target);
    if (route === undefined || route.owner.kind === 'local') return [];
    const { relayed } = this.#options.routes.waysTo(keyOf(route));
    return [...(relayed === undefined ? [] : [relayed.relay]), route.owner.name];
  }

  #routeTo(target: IpAddress): ResolvedRoute | undefined {
    const { inUse } = this.#options.routes;
    return inUse[longestMatch(inUse, target)];
  }

  /** Peers and ways by number. */
  #names(): ReadonlyMap<number, NamedNumber> {
    const { routes } = this.#options;
    const owners = new Map(routes.inUse.map((route) => [keyOf(route), route.owner.name]));
    const names = new Map<number, NamedNumber>();
    for (const [key, name] of owners) {
      const { direct, relayed } = routes.waysTo(key);
      if (direct !== 0) names.set(direct, { name, relay: '' });
      if (relayed !== undefined) names.set(relayed.peer, { name, relay: relayed.relay });
    }
    return names;
  }
}

/** Why the kernel of the pod or node did not even send it. */
function refusalWords(errnoName: string): string {
  const words: Readonly<Record<string, string>> = {
    EPERM: 'a firewall rule there forbids it',
    ENETUNREACH: 'it has no route to there',
    EHOSTUNREACH: 'it has no route to there',
    ENETDOWN: 'its device is down',
    EINVAL: 'it has no device or address for that',
  };
  return `${words[errnoName] ?? 'it failed'} (${errnoName})`;
}

/** @throws ConfigError for a packet that cannot be */
function parseTrace(body: unknown): TracedPacket & { readonly count: number } {
  const traced = parse(toldTrace, body);
  const { source, destination, protocol, sizeBytes } = traced;
  const { family } = source;
  if (destination.family !== family) throw new ConfigError('destination', 'is of another family than the source');
  if (!hasPorts(protocol) && !isEcho(family, protocol))
    throw new ConfigError('protocol', `${protocol} cannot be traced`);
  // They are the number of the packet.
  if (hasPorts(protocol) && (traced.mark & ((1 << NUMBER_BITS) - 1)) !== 0)
    throw new ConfigError('mark', `has some of its last ${NUMBER_BITS} bits set`);
  if (sizeBytes < minSizeBytes(family, protocol)) throw new ConfigError('sizeBytes', 'does not hold the headers');
  return traced;
}

function parse<Schema extends v.GenericSchema>(schema: Schema, body: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  throw new ConfigError(v.getDotPath(result.issues[0]) ?? '', result.issues[0].message);
}
