/**
 * Traces: a marked probe from one place to another, and what all nodes on its way see of it.
 *
 *     begin    the nodes of both ends listen, and those that they name as the next ones, relays among them
 *     clocks   how much each of them is ahead
 *     send     the source's node sends a probe, as its pod would, and waits for the answer
 *     end      all say what they saw
 */
import * as v from 'valibot';
import { ConfigError, WeftError } from '../../errors.ts';
import { hasPorts, isEcho, protocolName } from '../../explain/packet-description.ts';
import { randomInt } from 'node:crypto';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { parseBody } from '../doors/control-exchange.ts';
import { describePacket } from '../explain/explain-request.ts';
import type { Place, Places } from '../places/places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import type { Trace, TracedNode, TraceEnd, TraceRequest } from '../../api/trace-api.ts';
import { parseTold } from '../remote/told-answer.ts';
import { type ToldTrace, TraceQuestion, type TraceSeen, type TraceWish } from './trace-node.ts';
import { NUMBER_BITS, type TracedPacket } from './trace-probe.ts';
import { tellProbe } from './trace-story.ts';
import { MAX_PORT } from '../../wire/udp.ts';
import { parseKeys } from '../doors/request-keys.ts';

export interface TracerOptions {
  readonly places: Places;
  readonly remote: RemoteNodes;
}

/** Probes of one trace: as many as there are numbers. */
const MAX_COUNT = (1 << NUMBER_BITS) - 1;
/** The ends, a relay each way, and a few more if they disagree. */
const MAX_NODES = 6;
/** From which probes with ports are sent: above what is well known. */
const FIRST_PORT = 32_768;
/** What the kernel and other nodes may still have in hand when the answer is there, in ms. */
const SETTLE_MS = 20;

const port = v.pipe(v.number('is not a number'), v.integer(), v.minValue(1), v.maxValue(MAX_PORT));
const traceRequest = v.strictObject({
  source: v.string('is not text'),
  destination: v.string('is not text'),
  protocol: v.exactOptional(v.picklist(['icmp', 'udp', 'tcp'], 'is none of icmp, udp and tcp')),
  destinationPort: v.exactOptional(port),
  family: v.exactOptional(v.picklist([4, 6], 'is neither 4 nor 6')),
  sizeBytes: v.exactOptional(v.pipe(v.number('is not a number'), v.integer(), v.minValue(1), v.maxValue(65_535))),
  count: v.exactOptional(
    v.pipe(v.number(), v.minValue(1), v.integer(), v.maxValue(MAX_COUNT, `is above ${MAX_COUNT}`)),
  ),
});

/** Body of `POST /v1/trace`. @throws ConfigError naming the key that is wrong; WeftError `request-invalid` */
export function parseTraceRequest(body: string): TraceRequest {
  return parseKeys(traceRequest, parseBody(body));
}

const toldBegun = v.object({ listener: v.number(), next: v.array(v.string()) });
const toldSeen = v.object({
  sightings: v.array(
    v.object({
      number: v.number(),
      hook: v.string(),
      role: v.picklist(['probe', 'answer', 'error']),
      id: v.string(),
      timeNs: v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
      lengthBytes: v.number(),
      peer: v.string(),
      relay: v.string(),
      from: v.string(),
      to: v.string(),
      reason: v.string(),
      says: v.string(),
    }),
  ),
  lost: v.number(),
  // Nodes that are older do not ask their kernels.
  kernel: v.optional(
    v.array(
      v.object({
        number: v.number(),
        role: v.picklist(['probe', 'answer']),
        hook: v.string(),
        verdict: v.picklist(['accept', 'drop', 'reject', 'unknown']),
        says: v.string(),
      }),
    ),
    [],
  ),
  kernelProblem: v.optional(v.string(), ''),
});
const toldSent = v.object({ refused: v.optional(v.string(), '') });
const TELLING = 'traces';

interface Listening extends TracedNode {
  /** Number of the listener there; `undefined`: there is none. */
  readonly listener: number | undefined;
}

export class Tracer {
  readonly #options: TracerOptions;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /**
   * @throws ConfigError for a packet that cannot be; as `Places.find`; as `RemoteNodes.ask` if the source's node cannot be asked
   * @throws WeftError `trace-no-source` if the source is at no node of weft
   */
  async trace(request: TraceRequest): Promise<Trace> {
    const { places } = this.#options;
    const [source, destination] = [await places.find(request.source), await places.find(request.destination)];
    const traced = tracedPacket(request, ...addressesOf(source, destination, request.family));
    if (source.node === '') {
      throw new WeftError('trace-no-source', `${source.label} is at no node, so that nobody can send from there`);
    }
    const facts = {
      packet: {
        source: formatIpAddress(traced.source),
        destination: formatIpAddress(traced.destination),
        protocol: protocolName(traced.protocol),
        destinationPort: traced.destinationPort,
        sizeBytes: traced.sizeBytes,
      },
      source: endOf(source),
      destination: endOf(destination),
    };
    return { ...facts, ...(await this.#follow(traced, source.node, destination.node, request.count ?? 1)) };
  }

  async #follow(
    traced: TracedPacket,
    sourceNode: string,
    destinationNode: string,
    count: number,
  ): Promise<Pick<Trace, 'nodes' | 'probes'>> {
    const { remote } = this.#options;
    const listening = await this.#listen(traced, count, sourceNode, destinationNode);
    const seen = new Map<string, TraceSeen>();
    const refused = new Map<number, string>();
    try {
      for (let number = 1; number <= count; number++) {
        const sent = await remote.ask(sourceNode, TraceQuestion.send, { listener: listening[0]!.listener, number });
        refused.set(number, parseTold(toldSent, sourceNode, sent, TELLING).refused);
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    } finally {
      for (const { node, answer } of await this.#end(listening)) if (answer !== undefined) seen.set(node, answer);
    }
    const nodes = listening.map(({ node, clockOffsetNs, clockUncertaintyNs, problem }): TracedNode => {
      const { lost = 0, kernelProblem = '' } = seen.get(node) ?? {};
      return { node, clockOffsetNs, clockUncertaintyNs, lost, problem, kernelProblem };
    });
    const setting = { sourceNode, destinationNode, nodes };
    const sightings = new Map([...seen].map(([node, { sightings: those }]) => [node, those]));
    const kernel = new Map([...seen].map(([node, { kernel: those }]) => [node, those]));
    const probes = Array.from({ length: count }, (_, index) => {
      const number = index + 1;
      return tellProbe(number, sightings, setting, { kernel, refused: refused.get(number) ?? '' });
    });
    return { nodes, probes };
  }

  /** The source's node first. @throws as `RemoteNodes.ask`, if nobody can listen there */
  async #listen(
    traced: TracedPacket,
    count: number,
    sourceNode: string,
    destinationNode: string,
  ): Promise<Listening[]> {
    const told: TraceWish = { ...tellTrace(traced), count };
    const known = this.#options.remote.names();
    const begun = [await this.#begin(sourceNode, sourceNode, told)];
    try {
      if ('error' in begun[0]!) throw begun[0].error;
      const wanted = [...(destinationNode === '' ? [] : [destinationNode]), ...begun[0]!.next];
      for (let node = wanted.shift(); node !== undefined && begun.length < MAX_NODES; node = wanted.shift()) {
        if (begun.some((one) => one.listening.node === node)) continue;
        const one = known.includes(node)
          ? await this.#begin(node, sourceNode, told)
          : { listening: unheard(node, 'it is no live node of the cluster'), next: [] };
        begun.push(one);
        wanted.push(...one.next);
      }
    } catch (error) {
      await this.#end(begun.map(({ listening }) => listening));
      throw error;
    }
    return begun.map(({ listening }) => listening);
  }

  async #begin(
    node: string,
    sourceNode: string,
    told: TraceWish,
  ): Promise<{ listening: Listening; next: readonly string[]; error?: WeftError }> {
    const { remote } = this.#options;
    try {
      const begun = await remote.ask(node, TraceQuestion.begin, told);
      const { listener, next } = parseTold(toldBegun, node, begun, TELLING);
      const [here, there] = [await remote.clockOffset(sourceNode), await remote.clockOffset(node)];
      const isFirst = node === sourceNode;
      const clockOffsetNs = isFirst ? 0 : there.offsetNs - here.offsetNs;
      const clockUncertaintyNs = isFirst ? 0 : there.uncertaintyNs + here.uncertaintyNs;
      return {
        listening: { node, listener, clockOffsetNs, clockUncertaintyNs, lost: 0, problem: '', kernelProblem: '' },
        next,
      };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { listening: unheard(node, error.message.replace(`node ${node}: `, '')), next: [], error };
    }
  }

  async #end(listening: readonly Listening[]): Promise<{ node: string; answer: TraceSeen | undefined }[]> {
    return await Promise.all(
      listening.map(async ({ node, listener }) => {
        const asked = listener === undefined ? Promise.resolve(undefined) : this.#seen(node, listener);
        // Whoever cannot say what it saw any more has seen nothing, as far as anybody knows.
        return { node, answer: await asked.catch(() => undefined) };
      }),
    );
  }

  async #seen(node: string, listener: number): Promise<TraceSeen> {
    const answer = await this.#options.remote.ask(node, TraceQuestion.end, { listener });
    return parseTold(toldSeen, node, answer, TELLING);
  }
}

function tracedPacket(request: TraceRequest, source: IpAddress, destination: IpAddress): TracedPacket {
  const { protocol, destinationPort, sizeBytes } = request;
  const numbers = { icmp: 'icmp', udp: 17, tcp: 6 } as const;
  const packet = describePacket(
    {
      source: request.source,
      destination: request.destination,
      family: source.family,
      protocol: numbers[protocol ?? 'icmp'],
      sourcePort: undefined,
      destinationPort,
      sizeBytes,
      node: undefined,
      around: undefined,
    },
    source,
    destination,
  );
  const step = 1 << NUMBER_BITS;
  const mark = isEcho(source.family, packet.protocol)
    ? randomInt(0x1_00_00)
    : randomInt(FIRST_PORT / step, 0x1_00_00 / step) * step;
  return { ...packet, sourcePort: hasPorts(packet.protocol) ? mark : 0, mark };
}

function tellTrace({ source, destination, ...rest }: TracedPacket): ToldTrace {
  return { ...rest, source: formatIpAddress(source), destination: formatIpAddress(destination) };
}

/** Addresses of one family. @throws ConfigError if there are none. */
function addressesOf(source: Place, destination: Place, family: 4 | 6 | undefined): [IpAddress, IpAddress] {
  for (const one of family === undefined ? ([4, 6] as const) : [family]) {
    const from = source.addresses.find((address) => address.family === one);
    const to = destination.addresses.find((address) => address.family === one);
    if (from !== undefined && to !== undefined) return [from, to];
  }
  const what = family === undefined ? 'of one family' : `of IPv${family}`;
  throw new ConfigError('destination', `${source.label} and ${destination.label} have no overlay addresses ${what}`);
}

function endOf({ label, node, remark }: Place): TraceEnd {
  return { label, node, remark };
}

function unheard(node: string, problem: string): Listening {
  return { node, listener: undefined, clockOffsetNs: 0, clockUncertaintyNs: 0, lost: 0, problem, kernelProblem: '' };
}
