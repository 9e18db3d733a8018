/**
 * Explains what would become of a packet, node by node: each of them is asked for its own part, and says to whom it would hand the
 * packet next.
 */
import { ConfigError, WeftError } from '../../errors.ts';
import { adviceFor } from '../../explain/drop-words.ts';
import type {
  ExplainedEnd,
  ExplainedStep,
  Explanation,
  Fate,
  Handover,
  PastMoment,
  Stage,
} from '../../explain/explanation.ts';
import { destinationKind } from '../../explain/destination-kind.ts';
import { innerSource } from '../../explain/inner-addresses.ts';
import { faultRemark } from '../../explain/injected-fault.ts';
import { answerTo, type PacketDescription, protocolName } from '../../explain/packet-description.ts';
import { isWorse, wayOver } from '../../explain/way.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import {
  describePacket,
  type ExplainRequest,
  parseAssumed,
  parseNextNode,
  parseToldDatagrams,
  parseToldPacket,
  tellPacket,
} from './explain-request.ts';
import type { KernelExplainer } from './kernel-explainer.ts';
import type { LocalExplainer } from './local-explainer.ts';
import type { MomentWindow } from './moment-window.ts';
import type { ExplainedEnds } from './explained-ends.ts';
import type { Place } from '../places/places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { parseToldChoice, type ToldChoice } from './told-choice.ts';
import { parseToldStage } from './told-stage.ts';

export interface ExplainerOptions {
  readonly nodeName: string;
  readonly local: LocalExplainer;
  readonly kernel: Pick<KernelExplainer, 'departure' | 'arrival'>;
  readonly remote: RemoteNodes;
  readonly ends: ExplainedEnds;
  /** What was recorded of such packets on these nodes. */
  readonly past: (packet: PacketDescription, nodes: readonly string[], window: MomentWindow) => Promise<PastMoment>;
}

/** Nodes on a way, and where it ends by what they say. */
interface FollowedStages {
  readonly stages: Stage[];
  readonly fate: Fate;
}

/** What is handed on, with the packet that is in it. */
type Handed = Handover & { readonly packet: unknown };

/** What nodes ask each other. */
const DEPARTURE = 'explain-departure';
const ARRIVAL = 'explain-arrival';
const ASSUMED = 'explain-assumed';
const SERVICE = 'explain-service';
/** Asks a node to ask another, which it hands packets to: whoever needs a relay may not reach the target otherwise either. */
const PASSED_ON = 'explain-passed-on';

/** Nodes after the first: the relay and the target, and one more if they disagree about who is which. */
const MAX_HANDOVERS = 3;

export class Explainer {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
    const { local, kernel, remote } = options;
    remote.answer(DEPARTURE, async (body) => {
      const packet = parseToldPacket(body);
      return kernel.departure(packet, local.departure(packet));
    });
    remote.answer(SERVICE, async (body) => local.service(parseToldPacket(body)));
    remote.answer(ARRIVAL, async (body) => {
      const arrived = parseToldDatagrams(body);
      // What the packet says of itself counts: the node that sent it may have given it another source.
      const { source: client } = arrived.packet;
      const packet = { ...arrived.packet, source: innerSource(arrived.datagrams[0]!) ?? client };
      const masqueraded = equalIpAddresses(packet.source, client) ? undefined : client;
      return kernel.arrival(packet, arrived.sender, local.arrival(arrived), masqueraded);
    });
    remote.answer(PASSED_ON, async (body) => this.#ask(parseNextNode(body), ARRIVAL, body));
    remote.answer(ASSUMED, async (body) => {
      const { packet, from } = parseAssumed(body);
      const arrived = local.assumed(packet, from);
      return kernel.arrival(packet, arrived.sender, local.arrival(arrived));
    });
  }

  /**
   * Nothing is sent but questions to other nodes. Who does not answer them is left out, and said to be.
   *
   * @throws ConfigError for a packet that cannot be; and as `Places.find`
   */
  async explain(request: ExplainRequest): Promise<Explanation> {
    const { nodeName, ends, past } = this.#options;
    const found = await Promise.all([ends.find(request.source), ends.find(request.destination)]);
    const [source, asked] = found;
    const sent = describePacket(request, ...addressesOf(source, asked, request.family));
    const owner = source.node === '' ? ends.underlayOwner(sent.source) : source.node;
    const first = request.node ?? (owner === '' ? nodeName : owner);
    const choice = asked.kind === 'pod' ? undefined : await this.#choiceAt(first, sent);
    const { packet, destination } = await this.#translated(sent, asked, choice);
    const isAnswered =
      choice?.fate == null && destinationKind(packet.destination) === 'host' && destination.node !== '';
    const following =
      choice?.fate == null
        ? this.#stagesOf(packet, first, destination.node, request.node)
        : Promise.resolve(endedAt(first, choice.step, choice.fate));
    const asArrived = async (): Promise<PacketDescription> => {
      const masqueraded = (await following).stages[0]!.masqueraded;
      return { ...packet, source: parseIpAddress(masqueraded ?? '') ?? packet.source };
    };
    const [{ stages, fate }, answer] = await Promise.all([
      following,
      isAnswered ? this.#answerStages(source.node === '' ? await asArrived() : packet, destination.node) : undefined,
    ]);
    const { nodes, ...there } = wayOver(choice?.fate === null ? withChoice(stages, choice.step) : stages, fate);
    // Who is not there does not answer.
    const back = answer === undefined || fate === 'unreachable' ? null : wayOver(answer.stages, answer.fate);
    const way = back !== null && isWorse(back, there) ? 'back' : 'there';
    const worse = way === 'back' ? back! : there;
    const names = [...new Set([first, ...nodes.map(({ node }) => node), destination.node])].filter(
      (name) => name !== '',
    );
    return {
      packet: {
        source: endOf(packet.source, source, podIn(stages[0]!, 'from-pod')),
        destination: endOf(sent.destination, asked, choice === undefined ? podIn(stages.at(-1)!, 'to-pod') : ''),
        protocol: protocolName(packet.protocol),
        sourcePort: packet.sourcePort,
        destinationPort: sent.destinationPort,
        backend:
          packet === sent
            ? null
            : {
                ...endOf(packet.destination, destination, podIn(stages.at(-1)!, 'to-pod')),
                port: packet.destinationPort,
              },
        sizeBytes: packet.sizeBytes,
      },
      // What is to be said of an address, the nodes say.
      remarks: [
        ...found.map(({ kind, remark }) => (kind === 'address' ? '' : remark)),
        ...(fate === 'outside' ? [ends.underlayRemark(packet.destination)] : []),
        source.node === '' && request.node === undefined ? ends.senderRemark(packet.source) : '',
        ...new Set([...stages, ...(answer?.stages ?? [])].map(faultRemark)),
      ].filter((remark) => remark !== ''),
      fate: worse.fate,
      way,
      reason: worse.reason,
      decision: worse.decision,
      ...adviceFor(worse.reason),
      nodes,
      there,
      back,
      around: request.around === undefined ? null : await past(packet, names, request.around),
    };
  }

  /** What the node from which it comes does with it, if it is for a service. One that cannot be asked says so where the way is asked for. */
  async #choiceAt(first: string, packet: PacketDescription): Promise<ToldChoice | undefined> {
    try {
      return parseToldChoice(first, await this.#options.remote.ask<unknown>(first, SERVICE, tellPacket(packet)));
    } catch (error) {
      reasonOf(error, first);
      return undefined;
    }
  }

  /** The packet as it goes on behind the translation, and who has its destination. */
  async #translated(
    packet: PacketDescription,
    asked: Place,
    choice: ToldChoice | undefined,
  ): Promise<{ readonly packet: PacketDescription; readonly destination: Place }> {
    if (choice?.backend?.address.family !== packet.destination.family) return { packet, destination: asked };
    const { address, port } = choice.backend;
    const destination = await this.#options.ends.find(formatIpAddress(address));
    return { packet: { ...packet, destination: address, destinationPort: port }, destination };
  }

  /** @param named the first one, if somebody asked for just that. */
  async #stagesOf(
    packet: PacketDescription,
    first: string,
    last: string,
    named: string | undefined,
  ): Promise<FollowedStages> {
    try {
      return await this.#follow(await this.#ask(first, DEPARTURE, tellPacket(packet)), packet);
    } catch (error) {
      const why = reasonOf(error, first);
      if (first === named) throw error;
      const unknown = silent(first, 'from-pod', `whether ${first} would send it is not known: ${why}`, 'unknown');
      if (last === '' || last === first) return { stages: [unknown], fate: 'unknown' };
      const body = { packet: tellPacket(packet), from: first };
      const assumed = await this.#ask(last, ASSUMED, body).catch((problem: unknown) => void reasonOf(problem, last));
      if (assumed === undefined) return { stages: [unknown], fate: 'unknown' };
      return {
        stages: [unknown, assumed],
        fate: assumed.fate === 'delivered' ? 'unknown' : (assumed.fate ?? 'unknown'),
      };
    }
  }

  /** How its answer would fare; `undefined` if the node where that comes from cannot be asked. */
  async #answerStages(packet: PacketDescription, from: string): Promise<FollowedStages | undefined> {
    const answer = answerTo(packet);
    try {
      return await this.#follow(await this.#ask(from, DEPARTURE, tellPacket(answer)), answer);
    } catch (error) {
      reasonOf(error, from);
      return undefined;
    }
  }

  async #follow(departure: Stage, packet: PacketDescription): Promise<FollowedStages> {
    const stages = [departure];
    for (let stage = departure; stages.length <= MAX_HANDOVERS; stages.push(stage)) {
      if (stage.fate !== null || stage.next === null) return { stages, fate: stage.fate ?? 'sent' };
      stage = await this.#arrival({ ...stage.next, packet: tellPacket(packet) }, stage.node);
    }
    return { stages, fate: stages.at(-1)!.fate ?? 'sent' };
  }

  /** @param from the node that hands it on. */
  async #arrival(handover: Handed, from: string): Promise<Stage> {
    const { node, isNode, isPathDown } = handover;
    const hook = 'from-underlay';
    if (!isNode) return silent(node, hook, `${node} is a static peer: what it does with it is not known here`, 'sent');
    try {
      const arrival = await this.#askArrival(handover, from);
      // A wrong VNI, for one, is why probes get lost as well: then it is the better answer.
      if (!isPathDown || arrival.fate === 'dropped' || isStoppedAtDoor(arrival)) return arrival;
      const lost = silent(node, hook, `${node} would take it, but probes say that it does not get there`, 'lost');
      return { ...lost, steps: [...lost.steps, ...arrival.steps] };
    } catch (error) {
      const text = `what ${node} does with it is not known: ${reasonOf(error, node)}`;
      return silent(node, hook, text, isPathDown ? 'lost' : 'sent');
    }
  }

  async #ask(node: string, question: string, body: unknown): Promise<Stage> {
    return parseToldStage(node, await this.#options.remote.ask<unknown>(node, question, body));
  }

  async #askArrival(handover: Handed, from: string): Promise<Stage> {
    const { nodeName } = this.#options;
    try {
      return await this.#ask(handover.node, ARRIVAL, handover);
    } catch (error) {
      const isHelpless = from === nodeName || !(error instanceof WeftError) || error.code !== 'remote-unreachable';
      if (isHelpless) throw error;
      return await this.#ask(from, PASSED_ON, handover);
    }
  }
}

/** It gets no further than that. */
function endedAt(node: string, step: ExplainedStep, fate: Fate): FollowedStages {
  return { stages: [{ node, steps: [step], fate, reason: '', next: null }], fate };
}

/** Where the kernel of the first node has it: behind its pod. */
function withChoice([first, ...others]: readonly Stage[], step: ExplainedStep): Stage[] {
  const at = first!.steps.findIndex(({ hook }) => hook === 'kernel' || hook === 'route');
  return [{ ...first!, steps: first!.steps.toSpliced(at === -1 ? first!.steps.length : at, 0, step) }, ...others];
}

/** Whether the kernel of the node ends it before weft has it. */
function isStoppedAtDoor({ steps, fate }: Stage): boolean {
  return fate === 'blocked' && steps.at(-1)?.hook === 'kernel' && !steps.some(({ hook }) => hook === 'from-underlay');
}

/** Why a node could not be asked. Bugs are not hidden. */
function reasonOf(error: unknown, node: string): string {
  if (!(error instanceof WeftError)) throw error;
  return error.message.replace(`node ${node}: `, '');
}

/** The part of a node that says nothing. */
function silent(node: string, hook: string, text: string, fate: Fate): Stage {
  const verdict = fate === 'unknown' ? 'unknown' : 'doubt';
  return { node, steps: [{ hook, verdict, text, details: {} }], fate, reason: '', next: null };
}

/** Addresses of one family. @throws ConfigError if there are none. */
function addressesOf(source: Place, destination: Place, family: 4 | 6 | undefined): [IpAddress, IpAddress] {
  for (const one of family === undefined ? ([4, 6] as const) : [family]) {
    const from = source.addresses.find((address) => address.family === one);
    const to = destination.addresses.find((address) => address.family === one);
    if (from !== undefined && to !== undefined) return [from, to];
  }
  const what = family === undefined ? 'of the same family' : `of IPv${family}`;
  throw new ConfigError('destination', `${source.label} and ${destination.label} have no overlay addresses ${what}`);
}

function podIn({ steps }: Stage, hook: string): string {
  return steps.map((step) => (step.hook === hook ? step.details['pod'] : undefined)).find(isText) ?? '';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** @param found name of the pod that has the address, if its node was asked. */
function endOf(address: IpAddress, { kind, label, node }: Place, found: string): ExplainedEnd {
  const pod = kind === 'pod' ? label.slice(node.length + 1) : found;
  return { address: formatIpAddress(address), node, pod };
}
