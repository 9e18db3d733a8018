/**
 * The Kubernetes API over HTTPS, as far as weft needs it: JSON with limits. HTTP and TLS are Node's.
 *
 * Chosen: this, with list and watch in `kubernetes/object-watch.ts`. Instead of: @kubernetes/client-node, the maintained client. Because: with
 * what it brings it is seven times the size of everything else that weft installs; `docs/kubernetes.md` has the figures.
 *
 * What is read from files is read anew for each request: tokens expire, and the kubelet replaces them.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ApiAnswer, ApiCalls, ApiFailure, StreamListener } from '../../kubernetes/api-calls.ts';
import type { ApiPlace, Secret } from '../../kubernetes/api-place.ts';

/** Longest answer to a question, in bytes: a page of a hundred Nodes takes some 5 MB at most. */
const MAX_ANSWER_BYTES = 33_554_432;

/** Longest line of a watch, in bytes: etcd takes objects of up to 1.5 MiB. */
const MAX_LINE_BYTES = 4_194_304;

/** Of an answer that tells what is wrong. */
const MAX_ERROR_BYTES = 65_536;
const MAX_MESSAGE_LENGTH = 300;

/** How long the server may take until it begins to answer, and for all of an answer, in ms. */
const FIRST_BYTE_MS = 15_000;
const WHOLE_ANSWER_MS = 60_000;

/**
 * A watch without a word for so long may be dead, in ms: the server sends a bookmark each minute, but for resources that never had an
 * object since it started (k8s.io/apiserver, storage/cacher).
 */
const SILENT_WATCH_MS = 150_000;

const LINE_FEED = 0x0a;
const KEEP_ALIVE_MS = 15_000;
const MS_PER_SECOND = 1_000;

/** What is sent, if anything. */
interface Sent {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly contentType: string;
  readonly body: unknown;
}

/** Ends something early. */
type Cancel = () => void;

export class ApiClient implements ApiCalls {
  readonly #place: ApiPlace;
  readonly #userAgent: string;
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: 8, maxFreeSockets: 1 });

  /** @param userAgent what the server logs of who asks. */
  constructor(place: ApiPlace, userAgent: string) {
    this.#place = place;
    this.#userAgent = userAgent;
  }

  get(path: string, answer: (answer: ApiAnswer) => void): Cancel {
    return this.#ask(path, undefined, answer);
  }

  /** Makes an object. */
  post(path: string, body: unknown, answer: (answer: ApiAnswer) => void): Cancel {
    return this.#ask(path, { method: 'POST', contentType: 'application/json', body }, answer);
  }

  /** Takes the place of an object, if that is of the version that this one says. */
  put(path: string, body: unknown, answer: (answer: ApiAnswer) => void): Cancel {
    return this.#ask(path, { method: 'PUT', contentType: 'application/json', body }, answer);
  }

  /** Merges into an object: lists that have keys are merged by those. */
  patch(path: string, body: unknown, answer: (answer: ApiAnswer) => void): Cancel {
    const contentType = 'application/strategic-merge-patch+json';
    return this.#ask(path, { method: 'PATCH', contentType, body }, answer);
  }

  stream(path: string, listener: StreamListener): Cancel {
    let isOver = false;
    let rest = Buffer.alloc(0);
    const end = (failure: ApiFailure | undefined): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      listener.ended(failure);
    };
    const take = (line: Buffer): void => {
      if (line.length === 0 || isOver) return;
      const body = parsed(line);
      if (body === undefined) end(failureOf('a line of the watch is no JSON'));
      else listener.object(body.value);
    };
    const cancel = this.#send(path, undefined, SILENT_WATCH_MS, {
      failed: end,
      answered: (response) => {
        if (response.statusCode !== 200) return readFailure(response, end);
        listener.opened();
        response.on('data', (chunk: Buffer) => {
          const lines = splitLines(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
          // A copy: what is left of a large chunk would keep all of it.
          rest = Buffer.from(lines.pop()!);
          for (const line of lines) take(line);
          if (rest.length > MAX_LINE_BYTES)
            end(failureOf(`a line of the watch is longer than ${MAX_LINE_BYTES} bytes`));
        });
        response.on('end', () => end(undefined));
      },
    });
    return () => {
      isOver = true;
      cancel();
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(path: string, sent: Sent | undefined, answer: (answer: ApiAnswer) => void): Cancel {
    let isOver = false;
    const end = (result: ApiAnswer): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      answer(result);
    };
    const fail = (failure: ApiFailure): void => {
      end({ failure });
      cancel();
    };
    const timer = setTimeout(() => fail(failureOf(`no whole answer within ${WHOLE_ANSWER_MS} ms`)), WHOLE_ANSWER_MS);
    timer.unref();
    const cancel = this.#send(path, sent, WHOLE_ANSWER_MS, {
      failed: fail,
      answered: (response) => {
        const { statusCode = 0 } = response;
        if (statusCode < 200 || statusCode > 299) return readFailure(response, fail);
        readAll(response, MAX_ANSWER_BYTES, (bytes) => {
          if (bytes === undefined)
            return fail({ ...failureOf(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`), isTooLong: true });
          const body = parsed(bytes);
          if (body === undefined) fail(failureOf('the answer is no JSON'));
          else end({ body: body.value });
        });
      },
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
      cancel();
    };
  }

  /** @param silenceMs how long nothing may come once the answer has begun. */
  #send(
    path: string,
    sent: Sent | undefined,
    silenceMs: number,
    hear: { failed(failure: ApiFailure): void; answered(response: IncomingMessage): void },
  ): Cancel {
    const { host, port, basePath } = this.#place;
    let secrets: ReturnType<typeof readSecrets>;
    try {
      secrets = readSecrets(this.#place);
    } catch (error) {
      // As all other failures: not before the caller has what ends it.
      setImmediate(() => hear.failed(failureOf((error as Error).message)));
      return () => {};
    }
    const { token, ...tls } = secrets;
    const body = sent === undefined ? undefined : JSON.stringify(sent.body);
    const asked = request({
      host,
      port,
      path: `${basePath}${path}`,
      method: sent?.method ?? 'GET',
      agent: this.#agent,
      ...tls,
      ...identityOf(this.#place),
      headers: {
        Accept: 'application/json',
        'User-Agent': this.#userAgent,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(sent !== undefined && { 'Content-Type': sent.contentType, 'Content-Length': Buffer.byteLength(body!) }),
      },
    });
    // Also while the connection is made: an address that nobody has does not answer for minutes.
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${FIRST_BYTE_MS} ms`)), FIRST_BYTE_MS);
    timer.unref();
    asked.on('error', (error) => {
      clearTimeout(timer);
      hear.failed(failureOf(describe(error)));
    });
    asked.on('response', (response) => {
      clearTimeout(timer);
      let silence: Pick<ApiFailure, 'isSilence'> = {};
      response.on('error', (error) => hear.failed({ ...failureOf(describe(error)), ...silence }));
      response.setTimeout(silenceMs, () => {
        silence = { isSilence: true };
        response.destroy(new Error(`nothing was heard for ${silenceMs} ms`));
      });
      hear.answered(response);
    });
    asked.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    asked.end(body);
    return () => {
      clearTimeout(timer);
      asked.destroy();
    };
  }
}

/** Whose certificate it has to be. The server is told names alone (RFC 6066, section 3). */
function identityOf({ host, serverName = host }: ApiPlace): Pick<RequestOptions, 'servername' | 'checkServerIdentity'> {
  if (isIP(serverName) === 0) return { servername: serverName };
  return { servername: '', checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate) };
}

/** @throws Error naming the file that cannot be read. */
function readSecrets({ ca, token, certificate }: ApiPlace) {
  return {
    ...(ca !== undefined && { ca: read(ca) }),
    ...(certificate !== undefined && { cert: read(certificate.certificate), key: read(certificate.key) }),
    token: token === undefined ? undefined : 'text' in token ? token.text : read(token).toString('utf8').trim(),
  };
}

function read(secret: Secret): Buffer {
  return 'file' in secret ? readFileSync(secret.file) : Buffer.from(secret.base64, 'base64');
}

function readFailure(response: IncomingMessage, hear: (failure: ApiFailure) => void): void {
  const { statusCode: status = 0, headers } = response;
  const retryAfterMs = Number(headers['retry-after'] ?? 0) * MS_PER_SECOND;
  readAll(response, MAX_ERROR_BYTES, (bytes) => {
    const body = bytes === undefined ? undefined : parsed(bytes);
    const { message } = Object(body?.value) as { readonly message?: unknown };
    const text = typeof message === 'string' ? message : (bytes?.toString('utf8').trim() ?? '');
    const said = text === '' ? (response.statusMessage ?? '') : text;
    hear({
      status,
      message: `HTTP ${status}: ${printable(said)}`,
      retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0,
    });
  });
}

/** @param done with `undefined` for more than `mostBytes`; not called at all if the answer breaks off, as that is an error of its own. */
function readAll(response: IncomingMessage, mostBytes: number, done: (bytes: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  response.on('data', (chunk: Buffer) => {
    lengthBytes += chunk.length;
    if (lengthBytes <= mostBytes) chunks.push(chunk);
    else {
      chunks.length = 0;
      done(undefined);
      response.destroy();
    }
  });
  response.on('end', () => done(Buffer.concat(chunks)));
}

/** What lies between line feeds, the last of it without one. Views, no copies. */
function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, start)) {
    lines.push(bytes.subarray(start, at));
    start = at + 1;
  }
  lines.push(bytes.subarray(start));
  return lines;
}

function parsed(bytes: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    return undefined;
  }
}

function failureOf(message: string): ApiFailure {
  return { status: 0, message: printable(message), retryAfterMs: 0 };
}

/** What the system said; of several addresses that were tried, what it said of the first. */
function describe(error: Error): string {
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined;
  const { message, code } = (first ?? error) as NodeJS.ErrnoException;
  return message === '' ? (code ?? 'no answer') : message;
}

/** In one line: it goes into logs and onto terminals. */
function printable(text: string): string {
  return text
    .slice(0, MAX_MESSAGE_LENGTH)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
}
