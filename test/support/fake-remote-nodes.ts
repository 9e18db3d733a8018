/** Nodes of a cluster in one process, which ask each other as over the network, but for the network. */
import { NotFoundError, WeftError } from '../../src/errors.ts';
import type { PodsOfOthers } from '../../src/daemon/places/cluster-pods.ts';
import type {
  ClockOffset,
  RemoteAnswerer,
  RemoteNodes,
  RemoteOutcome,
  RemoteStream,
  RemoteStreamer,
} from '../../src/daemon/remote/remote-nodes.ts';

/** Other nodes are of an earlier version, and do not say which pods they have. */
export const nobodyTells: PodsOfOthers = { member: () => undefined, of: () => undefined };

/** The nodes, by name. */
export class FakeCluster {
  readonly #nodes = new Map<string, Map<string, RemoteAnswerer>>();
  /** By node and question. */
  readonly #streamers = new Map<string, RemoteStreamer>();
  /** Nodes that nobody reaches. */
  readonly silent = new Set<string>();
  /** How much clocks are ahead, by node. */
  readonly clocks = new Map<string, ClockOffset>();
  /** Each question, and whom it was asked. */
  readonly asked: string[] = [];

  /** A node of this name. */
  node(name: string): RemoteNodes {
    const answerers = new Map<string, RemoteAnswerer>();
    this.#nodes.set(name, answerers);
    const ask = async <Answer>(node: string, question: string, body: unknown): Promise<Answer> =>
      (await this.#ask(name, node, question, body)) as Answer;
    return {
      names: () => [...this.#nodes.keys()].sort(),
      ask,
      askAll: async <Answer>(question: string, body: unknown) =>
        await Promise.all(
          [...this.#nodes.keys()].sort().map(async (node): Promise<RemoteOutcome<Answer>> => {
            try {
              return { node, answer: await ask<Answer>(node, question, body) };
            } catch (error) {
              const { code, message } = error as WeftError;
              return { node, error: { code, message } };
            }
          }),
        ),
      clockOffset: async (node) =>
        await Promise.resolve(this.clocks.get(node) ?? { offsetNs: 0, uncertaintyNs: node === name ? 0 : 1_000 }),
      answer: (question, answerer) => void answerers.set(question, answerer),
      stream: async (node, question, body): Promise<RemoteStream> => {
        const streamer = this.#streamers.get(`${node} ${question}`);
        if (streamer === undefined) throw new NotFoundError('peer-unknown', `there is no node ${node}`);
        return await streamer(body, { name, identity: name }, new AbortController().signal);
      },
      serve: (question, streamer) => void this.#streamers.set(`${name} ${question}`, streamer),
    };
  }

  async #ask(from: string, node: string, question: string, body: unknown): Promise<unknown> {
    this.asked.push(`${question} ${node}`);
    const answerer = this.#nodes.get(node)?.get(question);
    if (this.silent.has(node)) throw new WeftError('remote-unreachable', `node ${node}: no answer within 5 s`);
    if (answerer === undefined) throw new NotFoundError('peer-unknown', `there is no node ${node}`);
    const told = JSON.parse(JSON.stringify(body)) as unknown;
    const answer = await answerer(told, { name: from, identity: from });
    return JSON.parse(JSON.stringify(answer)) as unknown;
  }
}
