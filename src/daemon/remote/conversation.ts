/**
 * A sealed conversation on a stream: messages (JSON) and chunks of bytes each way, and a sign of life while nothing is said.
 *
 *     record          kind, 1 byte | payload
 *     kind            0: sign of life; 1: part of a message, more follows; 2: rest of a message; 3: chunk
 *
 * The last record of a side is marked, by the seal: a stream that ends without it was cut off.
 */
import { HEAD_BYTES } from '../../authentication/envelope.ts';
import {
  MAX_RECORD_BYTES,
  RECORD_SEAL_BYTES,
  type ConversationOpening,
  type OpenedRecord,
  type SealedConversation,
} from '../../authentication/sealed-conversation.ts';
import { WeftError } from '../../errors.ts';
import type { FrameStream } from '../../linux/frame-stream.ts';
import type { Endpoint } from '../../wire/address.ts';

const Kind = { alive: 0, part: 1, message: 2, chunk: 3 } as const;

/** Longest payload of a record, in bytes. */
const MAX_PAYLOAD_BYTES = MAX_RECORD_BYTES - 1;

const MAX_FRAME_BYTES = MAX_RECORD_BYTES + RECORD_SEAL_BYTES;

/** Far above the length of a reply to an opening, in bytes. */
const MAX_REPLY_BYTES = HEAD_BYTES + 1_024;

/** How long connecting, and the reply to an opening, may take. */
const OPENING_TIMEOUT_MS = 5_000;

/** How patient a conversation is, in ms. */
export interface ConversationTimes {
  /** How often a side says that it is alive. */
  readonly aliveMs: number;
  /** How long the other side may say nothing. */
  readonly silenceMs: number;
}

const TIMES: ConversationTimes = { aliveMs: 4_000, silenceMs: 15_000 };

/** Longest that a timer of Node takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** What the other side said. */
export type Said =
  | { readonly kind: 'message'; readonly value: unknown; readonly isLast: boolean }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array; readonly isLast: boolean };

/** What begins conversations: the gossip endpoint. */
export interface Conversations {
  /** Whether the cluster has keys; without them there are no conversations. */
  readonly isSealed: boolean;
  /** From now on, `converse` gets the conversations that others begin. Without it there are none. */
  onConversation(converse: (conversation: Conversation) => void): void;
  /** Begins a conversation with the node at `to`. @throws WeftError `remote-off`, `remote-unreachable` */
  converse(to: Endpoint): Promise<Conversation>;
}

export class Conversation {
  readonly #stream: FrameStream;
  readonly #sealed: SealedConversation;
  readonly #silenceMs: number;
  readonly #alive: NodeJS.Timeout;
  /** Records go out in the order in which they are sealed: each waits for the one before it. */
  #sending: Promise<boolean> = Promise.resolve(true);
  #isSending = false;

  constructor(stream: FrameStream, sealed: SealedConversation, { aliveMs, silenceMs }: ConversationTimes = TIMES) {
    this.#stream = stream;
    this.#sealed = sealed;
    this.#silenceMs = silenceMs;
    // Who waits for room to send more has not stopped: the other side does not read.
    this.#alive = setInterval(() => {
      if (!this.#isSending) void this.#send(Kind.alive, new Uint8Array(0), false);
    }, aliveMs);
    void stream.closed.then(() => clearInterval(this.#alive));
  }

  /**
   * Begins one with the first of `openings` that is answered.
   *
   * @throws WeftError `remote-unreachable`; its message says why, without the node
   */
  static async begin(openings: Iterable<ConversationOpening>, connect: () => FrameStream): Promise<Conversation> {
    for (const opening of openings) {
      const stream = connect();
      let failure: string | undefined;
      const timer = setTimeout(() => {
        failure = `no answer within ${OPENING_TIMEOUT_MS / 1_000} s`;
        stream.close();
      }, OPENING_TIMEOUT_MS);
      await stream.send(opening.bytes);
      const reply = await stream.receive(MAX_REPLY_BYTES);
      clearTimeout(timer);
      const sealed = reply === undefined ? undefined : opening.begin(reply);
      if (sealed !== undefined && typeof sealed !== 'string') return new Conversation(stream, sealed);
      stream.close();
      failure ??= stream.failure;
      // Another key changes nothing about that.
      if (failure !== undefined) throw new WeftError('remote-unreachable', failure);
    }
    throw new WeftError('remote-unreachable', 'it closes the connection without an answer');
  }

  /** Identity of the node on the other side. */
  get peer(): string {
    return this.#sealed.peer;
  }

  /** Resolves when it is over, for whatever reason. */
  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  /**
   * Says something. False if the conversation is over. Not to be called while something else is being said.
   *
   * @throws WeftError `remote-too-long`
   * @throws TypeError what cannot be said as JSON
   */
  async say(value: unknown, isLast = false, maxMessageBytes = Infinity): Promise<boolean> {
    const bytes = Buffer.from(JSON.stringify(value));
    if (bytes.length > maxMessageBytes) {
      const message = `a question or an answer of ${bytes.length} bytes is longer than ${maxMessageBytes} bytes`;
      throw new WeftError('remote-too-long', message);
    }
    let at = 0;
    for (; bytes.length - at > MAX_PAYLOAD_BYTES; at += MAX_PAYLOAD_BYTES) {
      if (!(await this.#send(Kind.part, bytes.subarray(at, at + MAX_PAYLOAD_BYTES), false))) return false;
    }
    return await this.#send(Kind.message, bytes.subarray(at), isLast);
  }

  /** Sends bytes; resolves once there is room for more. False if the conversation is over. */
  async sendChunk(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD_BYTES) {
      if (!(await this.#send(Kind.chunk, bytes.subarray(at, at + MAX_PAYLOAD_BYTES), false))) return false;
    }
    return true;
  }

  /**
   * What the other side says next. `undefined`: nothing more, as it went away, said nothing for too long, or said what it must not.
   *
   * @param maxMessageBytes longest message that is taken
   * @param withinMs how long signs of life alone will do
   */
  async hear(maxMessageBytes: number, withinMs = MAX_TIMEOUT_MS): Promise<Said | undefined> {
    const timer = setTimeout(() => this.close(), withinMs);
    const said = await this.#hear(maxMessageBytes);
    clearTimeout(timer);
    if (said === undefined) this.close();
    return said;
  }

  async #hear(maxMessageBytes: number): Promise<Said | undefined> {
    const parts: Uint8Array[] = [];
    let leftBytes = maxMessageBytes;
    for (;;) {
      const record = await this.#record();
      if (record === undefined) return undefined;
      const [kind] = record.bytes;
      const payload = record.bytes.subarray(1);
      if (kind === Kind.chunk) return { kind: 'chunk', bytes: payload, isLast: record.isLast };
      if (kind === Kind.alive) continue;
      if (kind !== Kind.part && kind !== Kind.message) return undefined;
      parts.push(payload);
      leftBytes -= payload.length;
      if (leftBytes < 0) return undefined;
      if (kind === Kind.message) return parsed(parts, record.isLast);
    }
  }

  async #record(): Promise<OpenedRecord | undefined> {
    const timer = setTimeout(() => this.close(), this.#silenceMs);
    const frame = await this.#stream.receive(MAX_FRAME_BYTES);
    clearTimeout(timer);
    return frame === undefined ? undefined : this.#sealed.open(frame);
  }

  /** Closes it once everything was sent. */
  end(): void {
    clearInterval(this.#alive);
    void this.#sending.then(() => this.#stream.end());
  }

  /** Closes it at once. */
  close(): void {
    this.#stream.close();
  }

  async #send(kind: number, payload: Uint8Array, isLast: boolean): Promise<boolean> {
    const record = new Uint8Array(1 + payload.length);
    record[0] = kind;
    record.set(payload, 1);
    const sealed = this.#sealed.seal(record, isLast);
    if (sealed === undefined) {
      this.close();
      return false;
    }
    this.#isSending = true;
    const sent = this.#stream.send(sealed);
    this.#sending = sent;
    const isOpen = await sent;
    if (this.#sending === sent) this.#isSending = false;
    return isOpen;
  }
}

/** JSON in which there may be one of {@link CONTROLS}. */
const MAY_STEER = /\\[bfru]|\p{Cc}/u;

/** What terminals obey, but for line feeds and tabs. */
const CONTROLS = /(?![\n\t])\p{Cc}/gu;

/** What another node says comes into logs and onto terminals here. */
function withoutControls(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll(CONTROLS, '?') : value;
}

function parsed(parts: readonly Uint8Array[], isLast: boolean): Said | undefined {
  try {
    const text = Buffer.concat(parts).toString();
    const value: unknown = MAY_STEER.test(text) ? JSON.parse(text, withoutControls) : JSON.parse(text);
    return { kind: 'message', value, isLast };
  } catch {
    return undefined;
  }
}
