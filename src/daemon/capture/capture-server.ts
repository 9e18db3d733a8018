/** HTTP/1.1 with those who came in by the door of captures. Runs in the thread of captures. See `capture-api.ts`. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConfigError, NotFoundError, WeftError } from '../../errors.ts';
import {
  CAPTURE_HEADER,
  CLIENT_USER_HEADER,
  type CaptureHead,
  type CaptureOverview,
  type CaptureSpec,
} from '../../api/capture-api.ts';
import { parseCaptureSpec } from './capture-request.ts';
import { CLIENT_PID_HEADER } from '../doors/control-exchange.ts';
import { send } from '../doors/http-exchange.ts';
import { HttpDoor } from '../doors/http-door.ts';

/** A capture on its way. */
export interface CaptureStream {
  readonly head: CaptureHead;
  /** Whoever stops iterating ends it. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Who does what a client asks for. */
export interface CaptureHandlers {
  overview(): Promise<CaptureOverview>;
  /** @param client who asks, for logs. */
  begin(spec: CaptureSpec, client: string): Promise<CaptureStream>;
  /** In order. `false` if there is none of that number. */
  end(capture: number): Promise<boolean>;
}

const CAPTURES_PATH = '/v1/captures';
/** How long those who are still reading when it closes may go on, in ms. */
const LAST_WORDS_MS = 1_000;
/** How long the last packets may take to be read, in ms: somebody may page through them. */
const READ_MS = 600_000;

export class CaptureServer {
  readonly #door: HttpDoor;
  #empty = Promise.withResolvers<void>();

  /** @param most clients at a time. @param onEmpty called whenever the last client has gone. */
  constructor(handlers: CaptureHandlers, most: number, onEmpty: () => void) {
    this.#door = new HttpDoor({
      most: () => most,
      readMs: READ_MS,
      respond: async (request, body, response) => respond(request, body, response, handlers),
      onLeave: () => {
        if (this.clients > 0) return;
        this.#empty.resolve();
        onEmpty();
      },
    });
  }

  /** How many are connected. */
  get clients(): number {
    return this.#door.connections;
  }

  /** Answers whoever is at the other end of `socket`. */
  serve(socket: Socket): void {
    this.#door.serve(socket);
  }

  /** Lets clients read what is left of captures that have ended, for a moment. */
  async close(): Promise<void> {
    if (this.clients === 0) return;
    this.#empty = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#door.close(), LAST_WORDS_MS);
    await this.#empty.promise;
    clearTimeout(timer);
  }
}

async function respond(
  request: IncomingMessage,
  body: string,
  response: ServerResponse,
  handlers: CaptureHandlers,
): Promise<void> {
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  const { method = 'GET' } = request;
  const capture = new RegExp(`^${CAPTURES_PATH}/(\\d{1,9})$`).exec(path)?.[1];
  if (path === CAPTURES_PATH && method === 'GET') send(response, 200, { json: await handlers.overview() });
  else if (path === CAPTURES_PATH && method === 'POST') {
    await stream(response, await handlers.begin(specOf(body), clientOf(request)));
  } else if (capture !== undefined && method === 'DELETE') {
    send(response, 200, { json: { ended: await handlers.end(Number(capture)) } });
  } else throw new NotFoundError('not-found', `there is no ${method} ${path}`, { paths: [CAPTURES_PATH] });
}

/** Writes as fast as the client reads. */
async function stream(response: ServerResponse, { head, chunks }: CaptureStream): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.writeHead(200, { 'content-type': 'application/x-pcapng', [CAPTURE_HEADER]: JSON.stringify(head) });
  response.flushHeaders();
  const iterator = chunks[Symbol.asyncIterator]();
  gone.signal.addEventListener('abort', () => void iterator.return?.());
  // It may have gone while the capture was begun.
  if (response.destroyed || response.socket?.destroyed !== false) gone.abort();
  for (;;) {
    if (gone.signal.aborted) return;
    const { done, value } = await iterator.next();
    if (done === true) break;
    if (response.write(value)) continue;
    // Rejects once the client is gone, and then leaves no listener behind, as it does when there is room.
    await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  response.end();
}

function specOf(body: string): CaptureSpec {
  let input: unknown;
  try {
    input = JSON.parse(body === '' ? '{}' : body);
  } catch {
    throw new WeftError('request-invalid', 'the body is not JSON');
  }
  if (typeof input !== 'object' || input === null) throw new ConfigError('', 'the body is not a JSON object');
  return parseCaptureSpec(input);
}

/** Who asks, as far as the client says: whoever it is, it is root. */
function clientOf({ headers }: IncomingMessage): string {
  const pid = word(headers[CLIENT_PID_HEADER]);
  return [word(headers[CLIENT_USER_HEADER]) ?? 'root', ...(pid === undefined ? [] : [`pid ${pid}`])].join(', ');
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined;
}
