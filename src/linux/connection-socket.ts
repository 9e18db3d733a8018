/** A socket for messages about the connections that the kernel tracks, by netlink(7). */
import { setImmediate } from 'node:timers/promises';
import { SystemCallError } from '../errors.ts';
import { connectionsOf, listConnectionsMessage, type ListedConnection } from './connection-message.ts';
import { checked, errnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { NetfilterSocket } from './netfilter-socket.ts';
import { acknowledgedError } from './netlink-message.ts';

/** Room for one read: the kernel fills no more than 32 KiB. */
const REPLY_BYTES = 32_768;

/** Connections that are changed before others have their turn: some 0.1 ms. */
const CHANGED_AT_ONCE = 32;

/** The kernel answers within the call that asks, or that reads on: there is nothing to wait for. */
export class ConnectionSocket {
  readonly #socket = new NetfilterSocket();
  readonly #bytes = new Uint8Array(REPLY_BYTES);
  readonly #purpose: string;
  /** Whether all was read that the kernel has to say. */
  #isAnswered = true;

  /** @param purpose completes "cannot …" @throws SystemCallError */
  constructor(purpose: string) {
    this.#purpose = purpose;
    checked(this.#socket.fd, 'socket', purpose);
  }

  close(): void {
    this.#socket.close(this.#isAnswered);
  }

  /** Name of the error that a message is answered with; `undefined`: it is none. @throws SystemCallError */
  ask(message: Uint8Array): string | undefined {
    this.#send(message);
    const answer = this.#receive();
    this.#isAnswered = true;
    return errorOf(answer);
  }

  /**
   * What is made of each connection, where that is something. First all are listed: what is changed meanwhile could move others in the
   * kernel's table.
   *
   * @throws SystemCallError where the kernel does not tell of them: it has none, or lacks nf_conntrack_netlink.
   */
  async list<Value>(of: (connection: ListedConnection) => Value | undefined): Promise<Value[]> {
    this.#send(listConnectionsMessage());
    const values: Value[] = [];
    for (;;) {
      const bytes = this.#receive();
      const part = connectionsOf(bytes);
      if (part === undefined) throw new SystemCallError('netlink', errorOf(bytes) ?? 'EPROTO', this.#purpose);
      for (const connection of part.connections) {
        const value = of(connection);
        if (value !== undefined) values.push(value);
      }
      this.#isAnswered = part.isEnd;
      if (part.isEnd) return values;
      // A node may have hundreds of thousands.
      await setImmediate();
    }
  }

  /** Sends messages that each change one connection. Of one that ended by itself, there is nothing to change. @throws SystemCallError */
  async change(messages: readonly Uint8Array[]): Promise<void> {
    for (const [at, message] of messages.entries()) {
      if (at % CHANGED_AT_ONCE === CHANGED_AT_ONCE - 1) await setImmediate();
      const error = this.ask(message);
      if (error !== undefined && error !== 'ENOENT') throw new SystemCallError('netlink', error, this.#purpose);
    }
  }

  #send(message: Uint8Array): void {
    this.#isAnswered = false;
    checked(libc.writeBytes(this.#socket.fd, message, message.length), 'write', this.#purpose);
  }

  /** What it gives is there until it is called again. */
  #receive(): Uint8Array {
    const bytes = this.#bytes;
    return bytes.subarray(0, checked(libc.readBytes(this.#socket.fd, bytes, bytes.length), 'read', this.#purpose));
  }
}

/** Name of the error that an answer says; `undefined`: none. */
function errorOf(answer: Uint8Array): string | undefined {
  const error = acknowledgedError(answer);
  return error === undefined || error === 0 ? undefined : errnoName(error);
}
