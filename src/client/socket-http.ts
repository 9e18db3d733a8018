/**
 * HTTP/1.1 (RFC 9112) over a Unix socket, as far as a client of the daemon needs it: one request per connection, and an answer that says
 * its length. Node's own client takes 14 ms of processor to load and ask once, this one 5: a CNI plugin is started for every container.
 */
import { connect } from 'node:net';

export interface SocketRequest {
  readonly socketPath: string;
  readonly method: string;
  /** Path and query, encoded. */
  readonly path: string;
  /** Beside those that say what is sent, and that nothing follows. */
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  /** Longest silence, in ms. */
  readonly timeoutMs: number;
  /** Told of such a silence. Whoever wants to wait no longer says so by {@link SocketExchange.abandon}. */
  readonly onTimeout: () => void;
}

export interface SocketAnswer {
  readonly status: number;
  readonly text: string;
}

export interface SocketExchange {
  /** Rejects with the error of the connection, `ECONNRESET` if it ends before the answer does, or {@link AnswerError}. */
  readonly answer: Promise<SocketAnswer>;
  /** Ends the connection. The answer is rejected with `error`, unless it is there. */
  readonly abandon: (error: Error) => void;
}

/** What came is no answer of a daemon. */
export class AnswerError extends Error {}

/** Longest that status and headers of an answer may be, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024;

const END_OF_HEAD = '\r\n\r\n';

/** RFC 9112, section 3.2: neither spaces nor what could end the line. */
const TARGET = /^\/[\x21-\x7e]*$/;

/** Asks once. */
export function askSocket(request: SocketRequest): SocketExchange {
  const { socketPath, timeoutMs, onTimeout } = request;
  const text = textOf(request);
  const socket = connect(socketPath);
  const reader = new AnswerReader();
  const answer = new Promise<SocketAnswer>((resolve, reject) => {
    socket.on('data', (part: Buffer) => {
      try {
        const whole = reader.push(part);
        if (whole === undefined) return;
        resolve(whole);
        socket.destroy();
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', reject);
    // Too late for whoever has an answer, or an error.
    socket.on('close', () => reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })));
  });
  socket.setTimeout(timeoutMs, onTimeout);
  // Not ended: a server may take that for a client that has left.
  socket.write(text);
  return { answer, abandon: (error) => void socket.destroy(error) };
}

function textOf({ method, path, headers, body }: SocketRequest): string {
  if (!TARGET.test(path)) throw new TypeError(`not a path of HTTP: ${JSON.stringify(path)}`);
  const all = { host: 'weft', ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}${END_OF_HEAD}${body}`;
}

class AnswerReader {
  #parts: Buffer[] = [];
  #lengthBytes = 0;
  #status = 0;
  /** Where the body begins, and where it ends. */
  #body: readonly [number, number] | undefined;

  /** @returns `undefined`: more has to come. @throws AnswerError */
  push(part: Buffer): SocketAnswer | undefined {
    this.#parts.push(part);
    this.#lengthBytes += part.length;
    if (this.#body === undefined) this.#readHead();
    if (this.#body === undefined || this.#lengthBytes < this.#body[1]) return undefined;
    return { status: this.#status, text: Buffer.concat(this.#parts).toString('utf8', ...this.#body) };
  }

  #readHead(): void {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [bytes];
    const end = bytes.indexOf(END_OF_HEAD);
    const head = bytes.toString('latin1', 0, end === -1 ? undefined : end);
    if (end > MAX_HEAD_BYTES || (end === -1 && (bytes.length > MAX_HEAD_BYTES || !mayBeHttp(head)))) {
      throw new AnswerError('something that is no HTTP');
    }
    if (end === -1) return;
    const status = /^HTTP\/1\.[01] (\d{3})(?: |\r\n|$)/.exec(head)?.[1];
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)/i.exec(head)?.[1];
    if (status === undefined || length === undefined) throw new AnswerError('an answer without status or length');
    this.#status = Number(status);
    const begin = end + END_OF_HEAD.length;
    this.#body = [begin, begin + Number(length)];
  }
}

/** Of an answer that is not there in full. */
function mayBeHttp(text: string): boolean {
  const begin = 'HTTP/1.';
  return text.startsWith(begin.slice(0, text.length));
}
