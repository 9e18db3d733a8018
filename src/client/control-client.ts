/** Client of the control API: HTTP over the daemon's Unix socket. For the CLI, the lab, and whoever else stands outside. */
import type {
  AuditReport,
  Digest,
  ForgottenPeer,
  HistoryEvent,
  Key,
  KeyRequest,
  Peer,
  Pod,
  PodRequest,
  Route,
  Status,
  Version,
} from '../api/control-api.ts';
import type { ServicesReport } from '../api/service-api.ts';
import type { DirectoryReport } from '../api/directory-api.ts';
import type {
  Attached,
  AttachmentCheck,
  AttachmentCheckRequest,
  AttachmentKey,
  AttachmentStatus,
  AttachRequest,
} from '../api/cni-api.ts';
import type { DropReport } from '../api/drop-api.ts';
import type { Fault, FaultRequest } from '../api/fault-api.ts';
import type { IpamStatus, LeaseCheck } from '../api/ipam-api.ts';
import type { Matrix, MatrixRequest } from '../api/matrix-api.ts';
import type { PolicyCounts, PolicyDenialsReport, PolicyReport, PolicyRuleCounts } from '../api/policy-api.ts';
import type { PlaceReport } from '../api/place-api.ts';
import type { PingRequest, PingRound } from '../api/ping-api.ts';
import type { Trace, TraceRequest } from '../api/trace-api.ts';
import type { GiveReport, GiveRequest } from '../api/rulebook-api.ts';
import type { RunningCapture } from '../api/capture-api.ts';
import { WeftError } from '../errors.ts';
import type { DoctorReport } from '../doctor/finding.ts';
import type { Explanation } from '../explain/explanation.ts';
import type { FlowReport } from '../explain/flow-report.ts';
import { describeListener, findListener } from '../linux/socket-listener.ts';
import { connectError } from './connect-error.ts';
import { AnswerError, askSocket, type SocketAnswer } from './socket-http.ts';

/** What to do differently. */
export interface ControlClientOptions {
  /** How the socket was chosen, for messages: `from WEFT_SOCKET`. */
  readonly origin?: string;
  /** Longest wait for an answer, in ms. Adding a pod runs several programs. */
  readonly timeoutMs?: number;
  /** Told of each answer that is awaited, to show that something goes on. */
  readonly whileWaiting?: <Answer>(answer: Promise<Answer>) => Promise<Answer>;
}

/** A query of `GET /v1/explain` or `GET /v1/flows`: see `docs/api.md`. */
export type TextQuery = Readonly<Record<string, string>>;

/** An error as the daemon sends it. */
interface SentError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** How often one looks whether whoever is to answer is stopped, in ms. */
const LOOK_INTERVAL_MS = 1_500;

/** One daemon. Each call is a connection of its own; all reject with a {@link WeftError}, the daemon's own if it sent one. */
export class ControlClient {
  readonly socketPath: string;
  readonly #origin: string | undefined;
  readonly #timeoutMs: number;
  readonly #whileWaiting: NonNullable<ControlClientOptions['whileWaiting']>;

  constructor(socketPath: string, options: ControlClientOptions = {}) {
    this.socketPath = socketPath;
    this.#origin = options.origin;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#whileWaiting = options.whileWaiting ?? (async (answer) => await answer);
  }

  async status(): Promise<Status> {
    return await this.#json<Status>('GET', '/v1/status');
  }

  async peers(): Promise<Peer[]> {
    return await this.#json<Peer[]>('GET', '/v1/peers');
  }

  async routes(): Promise<Route[]> {
    return await this.#json<Route[]>('GET', '/v1/routes');
  }

  /** Whom nobody looks for any more, on any node: dead ones of a name or identity. */
  async forgetPeer(node: string): Promise<ForgottenPeer[]> {
    return await this.#json<ForgottenPeer[]>('DELETE', `/v1/peers/${encodeURIComponent(node)}`);
  }

  async digest(): Promise<Digest> {
    return await this.#json<Digest>('GET', '/v1/digest');
  }

  /** @param query `since` is a time, `kind` a list with commas, `after` the number of an event. */
  async events(query: { since?: string; kind?: string; after?: number } = {}): Promise<HistoryEvent[]> {
    const given = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]);
    const text = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
    return await this.#json<HistoryEvent[]>('GET', `/v1/events${text}`);
  }

  /** The last audit. */
  async lastAudit(): Promise<AuditReport> {
    return await this.#json<AuditReport>('GET', '/v1/audit');
  }

  /** Has the daemon look now, and repair what is its own. */
  async audit(): Promise<AuditReport> {
    return await this.#json<AuditReport>('POST', '/v1/audit');
  }

  /** The pods of all nodes. */
  async directory(): Promise<DirectoryReport> {
    return await this.#json<DirectoryReport>('GET', '/v1/directory');
  }

  /** Who is meant by a name. Rejects with `place-unknown`, `place-ambiguous`. */
  async place(name: string): Promise<PlaceReport> {
    return await this.#json<PlaceReport>('GET', `/v1/place?${new URLSearchParams({ name }).toString()}`);
  }

  async pods(): Promise<Pod[]> {
    return await this.#json<Pod[]>('GET', '/v1/pods');
  }

  /** Idempotent. This process's pid goes along: a namespace path may exist in its mount namespace only. */
  async addPod(name: string, podRequest: PodRequest): Promise<Pod> {
    return await this.#json<Pod>('PUT', podPath(name), podRequest);
  }

  /** Idempotent: `false` if there was none. */
  async removePod(name: string, namespace?: string): Promise<boolean> {
    const query = namespace === undefined ? '' : `?${new URLSearchParams({ namespace }).toString()}`;
    const { removed } = await this.#json<{ removed: boolean }>('DELETE', podPath(name) + query);
    return removed;
  }

  /** Attaches an interface of a container: what a CNI plugin asks for. */
  async attach(attachRequest: AttachRequest): Promise<Attached> {
    return await this.#json<Attached>('POST', '/v1/attachments', attachRequest);
  }

  /** Idempotent: `false` if there was none. */
  async detach({ cniNetwork, containerId, interface: name }: AttachmentKey): Promise<boolean> {
    const query = new URLSearchParams({ cniNetwork, containerId, interface: name }).toString();
    const { removed } = await this.#json<{ removed: boolean }>('DELETE', `/v1/attachments?${query}`);
    return removed;
  }

  async attachments(): Promise<AttachmentKey[]> {
    return await this.#json<AttachmentKey[]>('GET', '/v1/attachments');
  }

  async checkAttachment(checkRequest: AttachmentCheckRequest): Promise<AttachmentCheck> {
    return await this.#json<AttachmentCheck>('POST', '/v1/attachments/check', checkRequest);
  }

  async attachmentStatus(): Promise<AttachmentStatus> {
    return await this.#json<AttachmentStatus>('GET', '/v1/attachments/status');
  }

  /** How many addresses are used, and free. */
  async ipamStatus(): Promise<IpamStatus> {
    return await this.#json<IpamStatus>('GET', '/v1/ipam');
  }

  /** Compares stored leases, pods and kernel. @param repairs whether to put right what is weft's own. */
  async checkLeases(repairs: boolean): Promise<LeaseCheck> {
    return await this.#json<LeaseCheck>('POST', `/v1/ipam/check${repairs ? '?repair=true' : ''}`);
  }

  async keys(): Promise<Key[]> {
    return await this.#json<Key[]>('GET', '/v1/keys');
  }

  /** Idempotent. */
  async addKey(keyRequest: KeyRequest): Promise<Key> {
    return await this.#json<Key>('POST', '/v1/keys', keyRequest);
  }

  async useKey(id: string, force: boolean): Promise<Key> {
    return await this.#json<Key>('PUT', keyPath(id, force));
  }

  /** Idempotent: `false` if there was none. */
  async removeKey(id: string, force: boolean): Promise<boolean> {
    const { removed } = await this.#json<{ removed: boolean }>('DELETE', keyPath(id, force));
    return removed;
  }

  /** What would become of a packet, on all nodes on its way. */
  async explain(query: TextQuery): Promise<Explanation> {
    return await this.#json<Explanation>('GET', `/v1/explain?${new URLSearchParams(query).toString()}`);
  }

  /** Recent flows, node by node. */
  async flows(query: TextQuery): Promise<FlowReport[]> {
    return await this.#json<FlowReport[]>('GET', `/v1/flows?${new URLSearchParams(query).toString()}`);
  }

  /** What is wrong with this node, or with all nodes. */
  async doctor(query: TextQuery): Promise<DoctorReport> {
    const text = new URLSearchParams(query).toString();
    return await this.#json<DoctorReport>('GET', `/v1/doctor${text === '' ? '' : `?${text}`}`);
  }

  /** Has the daemon put right what is its own, and look again. */
  async treat(): Promise<DoctorReport> {
    return await this.#json<DoctorReport>('POST', '/v1/doctor');
  }

  /** One probe over each of the ways to whom is meant. */
  async ping(pingRequest: PingRequest): Promise<PingRound> {
    return await this.#json<PingRound>('POST', '/v1/ping', pingRequest);
  }

  /** Sends a marked packet, and tells what every node on its way sees of it. */
  async trace(traceRequest: TraceRequest): Promise<Trace> {
    return await this.#json<Trace>('POST', '/v1/trace', traceRequest);
  }

  /** Has every node probe every other one, and all pods. */
  async matrix(matrixRequest: MatrixRequest): Promise<Matrix> {
    return await this.#json<Matrix>('POST', '/v1/matrix', matrixRequest);
  }

  /** What was dropped. @param query `since` is a time, and `limit` a number of recorded ones. */
  async drops(query: Readonly<Record<string, string>> = {}): Promise<DropReport> {
    return await this.#json<DropReport>('GET', `/v1/drops?${new URLSearchParams(query).toString()}`);
  }

  /** Gives policies, services and namespaces to the cluster, or deletes them: all, or nothing. Rejects with `policies-of-kubernetes`, `policies-unknown`, `rulebook-full`. */
  async givePolicies(request: GiveRequest): Promise<GiveReport> {
    return await this.#json<GiveReport>('POST', '/v1/policies', request);
  }

  /** Services, as this node has them. Rejects with `services-of-others`. */
  async services(): Promise<ServicesReport> {
    return await this.#json<ServicesReport>('GET', '/v1/services');
  }

  /** Network policies, and all by which they are judged. Rejects with `policies-unknown`. */
  async policies(): Promise<PolicyReport> {
    return await this.#json<PolicyReport>('GET', '/v1/policies');
  }

  /** How often policies were used, of all nodes together. */
  async policyCounts(): Promise<PolicyCounts> {
    return await this.#json<PolicyCounts>('GET', '/v1/policies/counts');
  }

  /** The same of each rule of one policy. @param policy its title: `shop/web` */
  async policyRules(policy: string): Promise<PolicyRuleCounts> {
    const query = new URLSearchParams({ policy }).toString();
    return await this.#json<PolicyRuleCounts>('GET', `/v1/policies/rules?${query}`);
  }

  /** What policies denied, node by node. */
  async policyDenials(): Promise<PolicyDenialsReport> {
    return await this.#json<PolicyDenialsReport>('GET', '/v1/policies/denials');
  }

  /** Injected faults. */
  async faults(): Promise<Fault[]> {
    return await this.#json<Fault[]>('GET', '/v1/faults');
  }

  async addFault(faultRequest: FaultRequest): Promise<Fault> {
    return await this.#json<Fault>('POST', '/v1/faults', faultRequest);
  }

  async removeFault(id: number): Promise<Fault> {
    return await this.#json<Fault>('DELETE', `/v1/faults/${id}`);
  }

  /** Those that have ended: all. */
  async clearFaults(): Promise<Fault[]> {
    return await this.#json<Fault[]>('DELETE', '/v1/faults');
  }

  /** Who captures at this node. */
  async captures(): Promise<RunningCapture[]> {
    return await this.#json<RunningCapture[]>('GET', '/v1/captures');
  }

  async version(): Promise<Version> {
    return await this.#json<Version>('GET', '/v1/version');
  }

  /** What a path says that only reads, as it is. */
  async text(path: string): Promise<string> {
    return await this.#text('GET', path);
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    return await this.#text('GET', '/metrics');
  }

  /** Whether a daemon answers, in whatever way. */
  async isAnswering(): Promise<boolean> {
    try {
      await this.version();
      return true;
    } catch (error) {
      return !(error instanceof WeftError && error.code === 'daemon-not-running');
    }
  }

  async #json<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    return parseJson(await this.#text(method, path, body)) as Answer;
  }

  async #text(method: string, path: string, body?: object): Promise<string> {
    const { status, text } = await this.#whileWaiting(this.#exchange(method, path, body));
    if (status < 400) return text;
    const { error } = parseJson(text) as { error?: SentError };
    if (error === undefined) throw badAnswer(`status ${status} without an error`);
    throw new WeftError(error.code, error.message, error.details ?? {});
  }

  async #exchange(method: string, path: string, body: object | undefined): Promise<SocketAnswer> {
    const { answer, abandon } = askSocket({
      socketPath: this.socketPath,
      method,
      path,
      headers: { 'content-type': 'application/json', 'weft-client-pid': process.pid },
      body: body === undefined ? '' : JSON.stringify(body),
      timeoutMs: this.#timeoutMs,
      onTimeout: () => void this.#timedOut().then(abandon),
    });
    const looks = setInterval(() => {
      void this.#whyStopped().then((why) => why && abandon(why));
    }, LOOK_INTERVAL_MS);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof AnswerError) throw badAnswer(error.message);
      throw this.#connectError(error as NodeJS.ErrnoException);
    } finally {
      clearInterval(looks);
    }
  }

  async #timedOut(): Promise<WeftError> {
    const listener = await findListener(this.socketPath);
    const who = listener === undefined ? '' : ` (${describeListener(listener)})`;
    const message = `the daemon on ${this.socketPath}${who} did not answer within ${this.#timeoutMs / 1_000} s`;
    return new WeftError('daemon-timeout', message, { socket: this.socketPath });
  }

  /** A process that is stopped still has its connections accepted by the kernel, and would be waited for in vain. */
  async #whyStopped(): Promise<WeftError | undefined> {
    const listener = await findListener(this.socketPath);
    if (listener?.state !== 'stopped') return undefined;
    const { pid } = listener;
    const message = `the daemon on ${this.socketPath} is stopped, and answers nobody: let it go on with kill -CONT ${pid}`;
    return new WeftError('daemon-stopped', message, { socket: this.socketPath, pid });
  }

  #connectError(error: NodeJS.ErrnoException): WeftError {
    const place = `${this.socketPath}${this.#origin === undefined ? '' : ` (${this.#origin})`}`;
    return connectError(this.socketPath, place, 'use sudo; for reading, be in group weft and use weft-ro.sock', error);
  }
}

function keyPath(id: string, force: boolean): string {
  return `/v1/keys/${encodeURIComponent(id)}${force ? '?force=true' : ''}`;
}

function podPath(name: string): string {
  return `/v1/pods/${encodeURIComponent(name)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badAnswer('no JSON');
  }
}

function badAnswer(what: string): WeftError {
  return new WeftError('daemon-unreachable', `the daemon gave ${what}: is something else listening on its socket?`);
}
