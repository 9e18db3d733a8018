/**
 * Client of a container engine: the few questions of Docker's HTTP API that attaching needs. Podman answers them as well.
 *
 * Chosen: these requests, over `node:http`. Instead of: a client library. Because: four questions do not pay for thirty packages.
 */
import { request, type IncomingMessage } from 'node:http';
import * as v from 'valibot';
import { NotFoundError, WeftError } from '../errors.ts';
import { containerOf, containerSchema, imageSchema, type Container } from './container.ts';

/** Longest wait for an answer, in ms: an engine that starts many containers is slow. */
const TIMEOUT_MS = 30_000;

/** Largest answer that is taken, in bytes: a thousand containers with all their labels. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Longest line of the stream of events, in bytes. */
const MAX_EVENT_BYTES = 1024 * 1024;

const listSchema = v.array(v.object({ Id: v.string() }));

/** One engine. Each question is a connection of its own; all reject with a {@link WeftError}. */
export class EngineClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /**
   * One container, by its id, the beginning of it, or its name.
   *
   * @throws NotFoundError `container-not-found`
   */
  async container(reference: string): Promise<Container> {
    const document = await this.#json(`/containers/${encodeURIComponent(reference)}/json`, containerSchema, () => {
      const message = `the engine at ${this.socketPath} has no container ${JSON.stringify(reference)}: docker ps shows those that run`;
      return new NotFoundError('container-not-found', message, { container: reference });
    });
    return containerOf(document, await this.#imageLabels(document.Image));
  }

  /** Those that run and have a label of this key, be it their image's. Ids only. */
  async runningWithLabel(key: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [key], status: ['running'] }));
    return (await this.#json(`/containers/json?filters=${filters}`, listSchema)).map(({ Id }) => Id);
  }

  /**
   * Calls `onEvent` whenever a container starts or ends, until the engine ends the stream, or `signal` does. `onOpen` is told when the
   * engine listens: what happens from then on is not missed.
   */
  async containerEvents(onOpen: () => void, onEvent: () => void, signal: AbortSignal): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['start', 'die', 'destroy'] }));
    const response = await this.#get(`/events?filters=${filters}`, signal);
    if (response.statusCode !== 200) throw badAnswer(this.socketPath, `status ${response.statusCode}`);
    onOpen();
    let lengthBytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        // What an event says is asked for anew: only that there is one counts.
        const end = chunk.lastIndexOf('\n');
        lengthBytes = end === -1 ? lengthBytes + chunk.length : chunk.length - end - 1;
        if (lengthBytes > MAX_EVENT_BYTES) throw badAnswer(this.socketPath, 'an event without end');
        if (end !== -1) onEvent();
      }
    } catch (error) {
      if (!signal.aborted) throw error instanceof WeftError ? error : unreachable(this.socketPath, error as Error);
    }
  }

  /** Labels of an image, which its containers have as well, whoever made it. */
  async #imageLabels(id: string): Promise<Readonly<Record<string, string>>> {
    const image = await this.#json(`/images/${encodeURIComponent(id)}/json`, imageSchema);
    return image.Config?.Labels ?? {};
  }

  async #json<Schema extends v.GenericSchema>(
    path: string,
    schema: Schema,
    notFound?: () => WeftError,
  ): Promise<v.InferOutput<Schema>> {
    const response = await this.#get(path, AbortSignal.timeout(TIMEOUT_MS));
    const text = await this.#text(response);
    if (response.statusCode === 404 && notFound !== undefined) throw notFound();
    if (response.statusCode !== 200) throw badAnswer(this.socketPath, `status ${response.statusCode} to GET ${path}`);
    const result = v.safeParse(schema, parsed(text));
    if (!result.success) throw badAnswer(this.socketPath, `something else than was asked for by GET ${path}`);
    return result.output;
  }

  async #get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      // An engine wants some host name, as HTTP does.
      const options = { socketPath: this.socketPath, path, headers: { host: 'docker' }, agent: false, signal };
      const outgoing = request(options, resolve);
      outgoing.on('error', (error) => reject(unreachable(this.socketPath, error)));
      outgoing.end();
    });
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let lengthBytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        lengthBytes += chunk.length;
        if (lengthBytes > MAX_ANSWER_BYTES) throw badAnswer(this.socketPath, `more than ${MAX_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof WeftError ? error : unreachable(this.socketPath, error as Error);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

function unreachable(socket: string, error: NodeJS.ErrnoException): WeftError {
  const details = { socket, errno: error.code ?? '' };
  const remedy = 'name its socket with --engine or DOCKER_HOST; in a container, mount it';
  if (error.code === 'ENOENT') {
    return new WeftError('engine-not-running', `there is no engine at ${socket}: start it, or ${remedy}`, details);
  }
  if (error.code === 'ECONNREFUSED')
    return new WeftError('engine-not-running', `the engine at ${socket} does not run: start it, or ${remedy}`, details);
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const message = `not allowed to open ${socket}: use sudo, or a user of its group (docker)`;
    return new WeftError('socket-permission', message, details);
  }
  return new WeftError('engine-unreachable', `cannot talk to the engine at ${socket}: ${error.message}`, details);
}

function badAnswer(socket: string, what: string): WeftError {
  const message = `the engine at ${socket} gave ${what}: is something else listening there?`;
  return new WeftError('engine-unreachable', message, { socket });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
