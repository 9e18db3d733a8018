/** Client of the door of captures: HTTP over a Unix socket that only root may open. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { userInfo } from 'node:os';
import {
  CAPTURE_HEADER,
  CLIENT_USER_HEADER,
  type CaptureHead,
  type CaptureOverview,
  type CaptureSpec,
  captureSocketPath,
} from '../api/capture-api.ts';
import { WeftError } from '../errors.ts';
import { connectError } from './connect-error.ts';

/** A capture that runs. */
export interface OpenCapture {
  readonly head: CaptureHead;
  /** A pcapng stream. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends it: what was captured, and the statistics, still come. */
  end(): Promise<void>;
  /** Ends it at once, if it has not ended. */
  close(): void;
}

/** One daemon. All reject with a {@link WeftError}, the daemon's own if it sent one. */
export class CaptureClient {
  readonly #socketPath: string;

  /**
   * @param controlSocketPath path of `weft.sock`.
   * @throws WeftError `read-only-socket` for that of `weft-ro.sock`
   */
  constructor(controlSocketPath: string) {
    if (controlSocketPath.endsWith('-ro.sock')) {
      const message = `${controlSocketPath} never shows what is in packets: captures need weft.sock, and root (use sudo)`;
      throw new WeftError('read-only-socket', message);
    }
    this.#socketPath = captureSocketPath(controlSocketPath);
  }

  async overview(): Promise<CaptureOverview> {
    return JSON.parse(await readText(await this.#ask('GET', '/v1/captures'))) as CaptureOverview;
  }

  /** Begins a capture. */
  async open(spec: CaptureSpec): Promise<OpenCapture> {
    const response = await this.#ask('POST', '/v1/captures', spec);
    const header = response.headers[CAPTURE_HEADER];
    if (typeof header !== 'string')
      throw new WeftError('daemon-unreachable', 'the daemon did not say what it captures');
    const head = JSON.parse(header) as CaptureHead;
    const end = async (): Promise<void> => {
      await readText(await this.#ask('DELETE', `/v1/captures/${head.capture}`));
    };
    return { head, chunks: chunksOf(response, head.node), end, close: () => response.destroy() };
  }

  async #ask(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      'weft-client-pid': process.pid,
      [CLIENT_USER_HEADER]: process.env['SUDO_USER'] ?? userInfo().username,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: this.#socketPath, method, path, headers, agent: false };
      const outgoing: ClientRequest = request(options, resolve);
      outgoing.on('error', (error) => reject(this.#connectError(error)));
      outgoing.end(payload);
    });
    if ((response.statusCode ?? 0) < 400) return response;
    throw errorOf(await readText(response));
  }

  #connectError(error: NodeJS.ErrnoException): WeftError {
    const place = `${this.#socketPath} (captures have a socket of their own, beside weft.sock)`;
    return connectError(
      this.#socketPath,
      place,
      'captures need root: use sudo; weft-ro.sock never shows what is in packets',
      error,
    );
  }
}

async function* chunksOf(response: IncomingMessage, node: string): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    throw new WeftError('capture-broken', `the capture of ${node} broke off`, { node });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function errorOf(text: string): WeftError {
  try {
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string; details?: Record<string, unknown> };
    };
    return new WeftError(error.code, error.message, error.details ?? {});
  } catch {
    return new WeftError('daemon-unreachable', 'the daemon gave no JSON: is something else listening on its socket?');
  }
}
