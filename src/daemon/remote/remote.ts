/** Asking other nodes, and answering them, over the gossip endpoint. See `remote-nodes.ts`. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { Member } from '../../membership/announcement.ts';
import type { Conversation, Conversations } from './conversation.ts';
import { CLOCK_QUESTION, measureClock, readClock } from './remote-clock.ts';
import {
  MAX_ANSWER_BYTES,
  MAX_QUESTION_BYTES,
  parseReply,
  type RemoteQuestion,
  type RemoteReply,
} from './remote-message.ts';
import type {
  ClockOffset,
  RemoteAnswerer,
  RemoteCaller,
  RemoteNodes,
  RemoteOutcome,
  RemoteStream,
  RemoteStreamer,
} from './remote-nodes.ts';
import { RemoteServer, type RemoteServerCounters } from './remote-server.ts';
import type { IpAddress } from '../../wire/address.ts';
import { Turns } from './turns.ts';

/** Capability of a node that answers questions of others. */
export const REMOTE = 'remote';

/** Nodes that are asked at one time. */
const MAX_ASKED = 16;

/** How often, and after how long, a node that is busy is asked again. */
const BUSY_ATTEMPTS = 8;
const BUSY_WAIT_MS = 250;

/** What it needs. */
export interface RemoteOptions {
  readonly identity: string;
  readonly conversations: Conversations;
  /** All that are known, this node included. */
  readonly members: () => readonly Member[];
  /** What to tell of the path to this address where a connection broke off; empty: nothing. */
  readonly pathRemark?: (address: IpAddress) => string;
  readonly logger: Logger;
}

export class Remote implements RemoteNodes {
  readonly #options: RemoteOptions;
  readonly #server: RemoteServer;
  readonly #turns = new Turns(MAX_ASKED);

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#server = new RemoteServer((identity) => this.#nameOf(identity), options.logger);
    this.#server.answer(CLOCK_QUESTION, readClock);
    options.conversations.onConversation((conversation) => void this.#server.converse(conversation));
  }

  /** What others asked of this node. */
  get counters(): RemoteServerCounters {
    return this.#server.counters;
  }

  names(): readonly string[] {
    return [...new Set(this.#live().map(({ announcement }) => announcement.name))].sort();
  }

  async ask<Answer>(node: string, question: string, body: unknown): Promise<Answer> {
    const member = this.#find(node);
    if (this.#isSelf(member)) {
      const answer = await this.#server.answererOf(question)(asJson(body), this.#self(member));
      return asJson(answer) as Answer;
    }
    return await this.#turns.run(async () =>
      this.#patiently(member, async (conversation) => {
        const { answer } = await asked(conversation, { question, body, more: false });
        conversation.close();
        return answer as Answer;
      }),
    );
  }

  async askAll<Answer>(question: string, body: unknown): Promise<readonly RemoteOutcome<Answer>[]> {
    return await Promise.all(this.names().map(async (node) => this.#outcome<Answer>(node, question, body)));
  }

  async stream(node: string, question: string, body: unknown): Promise<RemoteStream> {
    const member = this.#find(node);
    if (this.#isSelf(member)) return await this.#ownStream(question, body, member);
    return await this.#patiently(member, async (conversation) => {
      const { head } = await asked(conversation, { question, body, more: false });
      return {
        head,
        chunks: endingWith(hearChunks(conversation, member.announcement.name), () => conversation.close()),
      };
    });
  }

  async clockOffset(node: string): Promise<ClockOffset> {
    const member = this.#find(node);
    if (this.#isSelf(member)) return { offsetNs: 0, uncertaintyNs: 0 };
    return await this.#patiently(member, async (conversation) => {
      const offset = await measureClock(async (more) => {
        const { answer } = await asked(conversation, { question: CLOCK_QUESTION, body: null, more });
        return answer;
      });
      conversation.close();
      return offset;
    });
  }

  answer(question: string, answerer: RemoteAnswerer): void {
    this.#server.answer(question, answerer);
  }

  serve(question: string, streamer: RemoteStreamer): void {
    this.#server.serve(question, streamer);
  }

  /** Asks again, for a while, if the node has too much to do. */
  async #patiently<Result>(member: Member, talk: (conversation: Conversation) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#converse(member, talk);
      } catch (error) {
        const isBusy = error instanceof WeftError && error.code === 'remote-busy';
        if (!isBusy || attempt >= BUSY_ATTEMPTS) throw error;
        await wait(BUSY_WAIT_MS * (0.5 + Math.random()));
      }
    }
  }

  async #converse<Result>(member: Member, talk: (conversation: Conversation) => Promise<Result>): Promise<Result> {
    const { conversations } = this.#options;
    const { name, identity, gossipEndpoint, capabilities } = member.announcement;
    // Not asked at all: to a node that does not know of openings, one looks like the work of a stranger.
    if (conversations.isSealed && !capabilities.includes(REMOTE)) {
      const message = `node ${name} answers no questions: its weft is too old, or has no key`;
      throw new WeftError('remote-unsupported', message, { node: name });
    }
    let conversation: Conversation | undefined;
    try {
      conversation = await conversations.converse(gossipEndpoint);
      if (conversation.peer !== identity) throw new WeftError('remote-unreachable', 'another node answers there');
      return await talk(conversation);
    } catch (error) {
      conversation?.close();
      if (!(error instanceof WeftError)) throw error;
      const isCutOff = conversation !== undefined && error.code === 'remote-unreachable';
      const remark = (isCutOff && this.#options.pathRemark?.(gossipEndpoint.address)) || '';
      const message = `node ${name}: ${error.message}${remark}`;
      throw new WeftError(error.code, message, { ...error.details, node: name }, error);
    }
  }

  async #outcome<Answer>(node: string, question: string, body: unknown): Promise<RemoteOutcome<Answer>> {
    try {
      return { node, answer: await this.ask<Answer>(node, question, body) };
    } catch (error) {
      const code = error instanceof WeftError ? error.code : 'internal';
      return { node, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
  }

  async #ownStream(question: string, body: unknown, member: Member): Promise<RemoteStream> {
    const gone = new AbortController();
    const stream = await this.#server.streamerOf(question)(asJson(body), this.#self(member), gone.signal);
    return { head: stream.head, chunks: endingWith(stream.chunks, () => gone.abort()) };
  }

  #live(): readonly Member[] {
    return this.#options.members().filter(({ state }) => state === 'alive' || state === 'suspect');
  }

  /** Of several with one name, the lower identity keeps it. */
  #find(node: string): Member {
    const [member] = this.#live()
      .filter(({ announcement }) => announcement.name === node)
      .sort((a, b) => (a.announcement.identity < b.announcement.identity ? -1 : 1));
    if (member !== undefined) return member;
    throw new WeftError('peer-unknown', `no live node is called ${node}: see "weft peers"`, { node });
  }

  #isSelf({ announcement }: Member): boolean {
    return announcement.identity === this.#options.identity;
  }

  #self({ announcement: { name, identity } }: Member): RemoteCaller {
    return { name, identity };
  }

  #nameOf(identity: string): string | undefined {
    return this.#live().find(({ announcement }) => announcement.identity === identity)?.announcement.name;
  }
}

/** Asks, and waits for the answer or for the head of a stream. @throws WeftError what the other node threw */
async function asked(conversation: Conversation, asks: RemoteQuestion): Promise<RemoteReply> {
  await conversation.say(asks, false, MAX_QUESTION_BYTES);
  const said = await conversation.hear(MAX_ANSWER_BYTES);
  if (said?.kind === 'message') return parseReply(said.value);
  throw new WeftError('remote-unreachable', 'the connection ended before the answer');
}

async function* hearChunks(conversation: Conversation, node: string): AsyncGenerator<Uint8Array, undefined> {
  for (;;) {
    const said = await conversation.hear(MAX_ANSWER_BYTES);
    if (said?.kind === 'chunk') {
      yield said.bytes;
      continue;
    }
    if (said?.isLast === true) {
      parseReply(said.value);
      return;
    }
    throw new WeftError('remote-unreachable', `node ${node}: the connection ended within the stream`, { node });
  }
}

/** The same chunks. `end` is called when they end, or whoever iterates stops, even before the first. */
function endingWith(chunks: AsyncIterable<Uint8Array>, end: () => void): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = (async function* () {
        try {
          yield* chunks;
        } finally {
          end();
        }
      })();
      return {
        next: async () => iterator.next(),
        // Of a generator that has not begun, `return` runs nothing.
        return: async () => {
          end();
          return await iterator.return(undefined);
        },
      };
    },
  };
}

/** As it would arrive elsewhere: so an answer is the same, whoever gives it. */
function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
