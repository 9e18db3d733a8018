/** Answers what other nodes ask: a few at a time, and none of it lasts for ever. */
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { Conversation } from './conversation.ts';
import {
  MAX_ANSWER_BYTES,
  MAX_QUESTION_BYTES,
  parseQuestion,
  type RemoteError,
  type RemoteReply,
} from './remote-message.ts';
import type { RemoteAnswerer, RemoteCaller, RemoteStreamer } from './remote-nodes.ts';

/** Conversations at one time: in total, and with one node; and how many of all may be streams, which can last. */
const MAX_CONVERSATIONS = 16;
const MAX_CONVERSATIONS_PER_NODE = 6;
const MAX_STREAMS = 8;

/** Conversations that may wait to be told that the node has too much to do; more are closed without a word. */
const MAX_TURNED_AWAY = 48;

/** Codes of errors that are counted each: where one node asks for another, a third one may choose them. */
const MAX_CODES = 100;

/** How patient a server is, in ms. */
export interface RemoteServerTimes {
  /** How long a conversation may go on without a question. */
  readonly questionMs: number;
  /** How long an answer may take to be found. */
  readonly answerMs: number;
  /** How long the other side may take to read it: until then, nobody else gets its place. */
  readonly readMs: number;
}

const TIMES: RemoteServerTimes = { questionMs: 10_000, answerMs: 120_000, readMs: 60_000 };

/** What happened since the start; `active`: conversations at the moment. */
export interface RemoteServerCounters {
  active: number;
  answered: number;
  streamed: number;
  /** By code of the error. */
  readonly refused: Map<string, number>;
}

export class RemoteServer {
  readonly counters: RemoteServerCounters = { active: 0, answered: 0, streamed: 0, refused: new Map() };
  readonly #logger: Logger;
  readonly #nameOf: (identity: string) => string | undefined;
  readonly #times: RemoteServerTimes;
  readonly #answerers = new Map<string, RemoteAnswerer>();
  readonly #streamers = new Map<string, RemoteStreamer>();
  readonly #byNode = new Map<string, number>();
  #streams = 0;

  /** @param nameOf the name of a member that is alive */
  constructor(nameOf: (identity: string) => string | undefined, logger: Logger, times = TIMES) {
    this.#nameOf = nameOf;
    this.#times = times;
    this.#logger = logger;
  }

  answer(question: string, answerer: RemoteAnswerer): void {
    this.#register(question);
    this.#answerers.set(question, answerer);
  }

  serve(question: string, streamer: RemoteStreamer): void {
    this.#register(question);
    this.#streamers.set(question, streamer);
  }

  /** Who answers it. @throws WeftError `remote-unsupported` */
  answererOf(question: string): RemoteAnswerer {
    return this.#answerers.get(question) ?? unsupported(question);
  }

  /** Who streams at it. @throws WeftError `remote-unsupported` */
  streamerOf(question: string): RemoteStreamer {
    return this.#streamers.get(question) ?? unsupported(question);
  }

  /** Answers until the other side has no more questions. Never throws. */
  async converse(conversation: Conversation): Promise<void> {
    const { peer } = conversation;
    const ofNode = this.#byNode.get(peer) ?? 0;
    const isBusy = this.counters.active >= MAX_CONVERSATIONS || ofNode >= MAX_CONVERSATIONS_PER_NODE;
    if (this.counters.active >= MAX_CONVERSATIONS + MAX_TURNED_AWAY) {
      this.#countRefusal('remote-busy');
      conversation.close();
      return;
    }
    this.counters.active++;
    this.#byNode.set(peer, ofNode + 1);
    try {
      while (await this.#next(conversation, isBusy));
    } catch (error) {
      this.#logger.warn({ err: error, identity: peer }, 'a question of another node was not answered');
    } finally {
      conversation.end();
      this.counters.active--;
      const left = this.#byNode.get(peer)! - 1;
      if (left === 0) this.#byNode.delete(peer);
      else this.#byNode.set(peer, left);
    }
  }

  /** Deals with one question. Whether another one follows. */
  async #next(conversation: Conversation, isBusy: boolean): Promise<boolean> {
    const said = await conversation.hear(MAX_QUESTION_BYTES, this.#times.questionMs);
    const asked = said?.kind === 'message' ? parseQuestion(said.value) : undefined;
    if (asked === undefined) {
      conversation.close();
      return false;
    }
    try {
      if (isBusy) throw new WeftError('remote-busy', 'the node answers as many others as it may; try again');
      const caller = this.#caller(conversation.peer);
      const streamer = this.#streamers.get(asked.question);
      if (streamer !== undefined) {
        await this.#stream(conversation, streamer, asked.body, caller);
        return false;
      }
      const found = Promise.resolve(this.answererOf(asked.question)(asked.body, caller));
      const answer = await withinTime(found, this.#times.answerMs);
      if (!(await this.#tell(conversation, { answer }, !asked.more))) return false;
      this.counters.answered++;
      return asked.more;
    } catch (error) {
      await this.#tell(conversation, { error: this.#refusal(asked.question, error) }, true);
      return false;
    }
  }

  /** False if the conversation is over, as it is for who does not read. @throws WeftError `remote-too-long` */
  async #tell(conversation: Conversation, reply: RemoteReply, isLast: boolean): Promise<boolean> {
    const timer = setTimeout(() => conversation.close(), this.#times.readMs);
    try {
      return await conversation.say(reply, isLast, MAX_ANSWER_BYTES);
    } finally {
      clearTimeout(timer);
    }
  }

  async #stream(
    conversation: Conversation,
    streamer: RemoteStreamer,
    body: unknown,
    caller: RemoteCaller,
  ): Promise<void> {
    if (this.#streams >= MAX_STREAMS)
      throw new WeftError('remote-busy', 'the node streams as much as it may; try again');
    const gone = new AbortController();
    void conversation.closed.then(() => gone.abort());
    // Nothing but signs of life: without them, the other side is gone.
    void conversation.hear(0).then(() => gone.abort());
    this.#streams++;
    this.counters.streamed++;
    try {
      const { head, chunks } = await streamer(body, caller, gone.signal);
      await conversation.say({ head } satisfies RemoteReply);
      for await (const chunk of chunks) if (!(await conversation.sendChunk(chunk))) break;
      await conversation.say({} satisfies RemoteReply, true);
    } finally {
      this.#streams--;
    }
  }

  #caller(identity: string): RemoteCaller {
    const name = this.#nameOf(identity);
    if (name === undefined) throw new WeftError('remote-stranger', 'the node that asks is no live member here');
    return { name, identity };
  }

  #refusal(question: string, error: unknown): RemoteError {
    const known =
      error instanceof WeftError
        ? error
        : new WeftError('internal', error instanceof Error ? error.message : String(error));
    if (known !== error) this.#logger.warn({ err: error, question }, 'a question of another node failed');
    const { code, message, details } = known;
    this.#countRefusal(code);
    return { code, message, details };
  }

  #countRefusal(code: string): void {
    const { refused } = this.counters;
    const counted = refused.has(code) || refused.size < MAX_CODES ? code : 'other';
    refused.set(counted, (refused.get(counted) ?? 0) + 1);
  }

  #register(question: string): void {
    if (this.#answerers.has(question) || this.#streamers.has(question)) {
      throw new RangeError(`the question ${question} is answered already`);
    }
  }
}

function unsupported(question: string): never {
  throw new WeftError('remote-unsupported', `the node does not know the question ${question}`, { question });
}

async function withinTime(answer: Promise<unknown>, limitMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `no answer was found within ${limitMs / 1_000} s`;
    timer = setTimeout(() => reject(new WeftError('remote-unreachable', message)), limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
