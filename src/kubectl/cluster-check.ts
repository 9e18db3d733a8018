/**
 * Whether a cluster's network works: tried with pods, services and a namespace that are made for it and removed. What fails, weft itself
 * explains, at the node where the packets begin.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { WeftError } from '../errors.ts';
import type { AgentAnswer } from './check-agent.ts';
import { checksOf, type CheckedCluster, type CheckStep, type PlannedCheck } from './check-list.ts';
import { checkNamespace, checkObjects, clientCommand, type KubernetesObject } from './check-objects.ts';
import { choosePod, type DaemonPod, listDaemonPods } from './daemon-pods.ts';
import type { Kubectl } from './kubectl.ts';

export interface ClusterCheckOptions {
  readonly kubectl: Kubectl;
  /** Of weft's own pods. */
  readonly weftNamespace: string;
  /** With Node.js and a shell; absent: that of weft's pods. */
  readonly image?: string | undefined;
  /** One or two nodes; absent: the first two with a pod of weft that runs. */
  readonly nodes?: readonly string[] | undefined;
  readonly outside?: CheckedCluster['outside'];
  /** Longest wait for pods to run, in ms. */
  readonly readyMs: number;
  /** Told what goes on, and each outcome as it comes. */
  readonly onProgress: (text: string) => void;
  readonly onOutcome: (outcome: CheckOutcome) => void;
  /** Ends it early; what was made is removed all the same. */
  readonly signal: AbortSignal;
}

export interface CheckOutcome {
  readonly name: string;
  readonly family: 4 | 6;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** What was answered, why it failed or was skipped. */
  readonly detail: string;
  /** In ms; `null` if nothing was answered. */
  readonly tookMs: number | null;
  /** What `weft explain` says of what failed; empty if it was not asked, or knows nothing of it. */
  readonly explanation: string;
}

export interface ClusterCheck {
  readonly namespace: string;
  readonly nodes: readonly string[];
  readonly image: string;
  readonly checks: readonly CheckOutcome[];
}

const NOT_REMOVED = 'check-not-removed';

const POLL_MS = 1_000;
/** Longest wait for the namespace to be gone, in ms. */
const REMOVAL_MS = 90_000;
/** How much longer a command may take than what it waits for, in ms: a process in a pod is started for it. */
const EXEC_ALLOWANCE_MS = 20_000;

const answerSchema = v.object({ ok: v.boolean(), detail: v.string(), tookMs: v.number() });
const podsSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.object({
        phase: v.optional(v.string(), 'Pending'),
        reason: v.optional(v.string(), ''),
        message: v.optional(v.string(), ''),
        podIPs: v.optional(v.array(v.object({ ip: v.string() })), []),
        conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string() })), []),
        containerStatuses: v.optional(
          v.array(
            v.object({
              state: v.optional(
                v.object({
                  waiting: v.optional(
                    v.object({ reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') }),
                  ),
                }),
                {},
              ),
            }),
          ),
          [],
        ),
      }),
    }),
  ),
});
const eventsSchema = v.object({
  items: v.array(
    v.object({ involvedObject: v.object({ name: v.optional(v.string(), '') }), message: v.optional(v.string(), '') }),
  ),
});
const servicesSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      spec: v.object({ clusterIPs: v.optional(v.array(v.string()), []) }),
    }),
  ),
});

type ListedPod = v.InferOutput<typeof podsSchema>['items'][number];

/**
 * Makes what it needs, tries everything, and removes what it made, also if it is interrupted or fails.
 *
 * @throws as `listDaemonPods`, `choosePod`; WeftError `check-not-ready` if its pods do not run in time; as `Kubectl.run`
 */
export async function checkCluster(options: ClusterCheckOptions): Promise<ClusterCheck> {
  const { kubectl, weftNamespace, onProgress } = options;
  const daemons = await listDaemonPods(kubectl, weftNamespace);
  const [near, far] = chooseNodes(daemons, options);
  const image = options.image ?? near.image;
  const namespace = `weft-check-${randomBytes(4).toString('hex')}`;
  const nodes = far === undefined ? [near.node] : [near.node, far.node];
  onProgress(`namespace ${namespace}, nodes ${nodes.join(' and ')}, image ${image}`);
  try {
    await apply(kubectl, [checkNamespace(namespace)]);
    const cluster = await setUp(options, { namespace, image, near: near.node, far: far?.node });
    const checks: CheckOutcome[] = [];
    for (const planned of checksOf(cluster)) {
      if (options.signal.aborted) break;
      const outcome = await outcomeOf(options, planned, cluster.namespace, near);
      if (options.signal.aborted) break;
      checks.push(outcome);
      options.onOutcome(outcome);
    }
    await remove(kubectl, namespace, onProgress);
    return { namespace, nodes, image, checks };
  } catch (error) {
    throw await afterRemoval(error, options, namespace);
  }
}

/** The same error; if the namespace cannot be removed either, it says so as well. */
async function afterRemoval(
  error: unknown,
  { kubectl, onProgress }: ClusterCheckOptions,
  namespace: string,
): Promise<unknown> {
  if (error instanceof WeftError && error.code === NOT_REMOVED) return error;
  try {
    await remove(kubectl, namespace, onProgress);
    return error;
  } catch (problem) {
    if (!(error instanceof WeftError && problem instanceof WeftError)) return error;
    return new WeftError(error.code, `${error.message}\n${problem.message}`, error.details, error);
  }
}

/** That of the client, and another one. @throws as `choosePod` */
function chooseNodes(
  daemons: readonly DaemonPod[],
  { weftNamespace, nodes }: ClusterCheckOptions,
): [near: DaemonPod, far: DaemonPod | undefined] {
  if (nodes !== undefined) {
    const [near, far] = nodes.map((node) => choosePod(daemons, weftNamespace, node));
    return [near!, far];
  }
  const near = choosePod(daemons, weftNamespace);
  return [near, daemons.find((pod) => pod.problem === '' && pod !== near)];
}

async function setUp(
  { kubectl, outside, readyMs, signal, onProgress }: ClusterCheckOptions,
  layout: {
    readonly namespace: string;
    readonly image: string;
    readonly near: string;
    readonly far: string | undefined;
  },
): Promise<CheckedCluster> {
  const { namespace, near, far } = layout;
  await apply(kubectl, checkObjects(layout));
  onProgress('waiting for its pods');
  const listed = await readyPods(kubectl, namespace, readyMs, signal);
  const services = await kubectl.json(['get', 'services', '-n', namespace], servicesSchema, {
    purpose: 'list the services of the check',
  });
  return {
    namespace,
    near,
    far,
    outside,
    pods: new Map(listed.map(({ metadata, status }) => [metadata.name, status.podIPs.map(({ ip }) => ip)])),
    services: new Map(services.items.map(({ metadata, spec }) => [metadata.name, spec.clusterIPs])),
  };
}

async function apply(kubectl: Kubectl, items: readonly KubernetesObject[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl.run(['create', '-f', '-'], { purpose: 'make what the check needs', input });
}

async function readyPods(
  kubectl: Kubectl,
  namespace: string,
  readyMs: number,
  signal: AbortSignal,
): Promise<readonly ListedPod[]> {
  const deadlineMs = performance.now() + readyMs;
  for (;;) {
    const { items } = await kubectl.json(['get', 'pods', '-n', namespace], podsSchema, {
      purpose: 'list the pods of the check',
    });
    const waiting = items.filter((pod) => !isReady(pod));
    if (items.length > 0 && waiting.length === 0) return items;
    if (signal.aborted) return items;
    if (performance.now() > deadlineMs) {
      const warnings = await lastWarnings(kubectl, namespace);
      const why = waiting
        .map((pod) => `pod ${pod.metadata.name}: ${warnings.get(pod.metadata.name) ?? whyNotReady(pod)}`)
        .join('; ');
      const message =
        `the pods of the check do not run after ${Math.round(readyMs / 1_000)} s: ${why}; ` +
        'another image: --image; more time: --timeout';
      throw new WeftError('check-not-ready', message, { namespace });
    }
    await sleep(POLL_MS);
  }
}

/** What went wrong last with each pod, as Kubernetes tells it in events. */
async function lastWarnings(kubectl: Kubectl, namespace: string): Promise<ReadonlyMap<string, string>> {
  const { items } = await kubectl.json(
    ['get', 'events', '-n', namespace, '--field-selector', 'type=Warning', '--sort-by', '.metadata.creationTimestamp'],
    eventsSchema,
    { purpose: 'list events of the check' },
  );
  return new Map(items.map(({ involvedObject, message }) => [involvedObject.name, message.trim()]));
}

function isReady({ status }: ListedPod): boolean {
  return status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}

function whyNotReady({ status }: ListedPod): string {
  const waiting = status.containerStatuses.map(({ state }) => state.waiting).find((one) => one !== undefined);
  const words =
    waiting === undefined ? [status.phase, status.reason, status.message] : [waiting.reason, waiting.message];
  return words.filter((word) => word !== '').join(', ');
}

async function outcomeOf(
  options: ClusterCheckOptions,
  { name, family, step }: PlannedCheck,
  namespace: string,
  daemon: DaemonPod,
): Promise<CheckOutcome> {
  if ('skipped' in step) {
    return { name, family, outcome: 'skipped', detail: step.skipped, tookMs: null, explanation: '' };
  }
  const answer = await carryOut(options.kubectl, namespace, step);
  const isExpected = step.expected === undefined || answer.detail.split(' ').includes(step.expected);
  if (answer.ok && isExpected) {
    return { name, family, outcome: 'passed', detail: answer.detail, tookMs: answer.tookMs, explanation: '' };
  }
  if (step.mayRefuse === true && answer.detail.includes('refused')) {
    return { name, family, outcome: 'passed', detail: 'refused, from there', tookMs: answer.tookMs, explanation: '' };
  }
  const detail = answer.ok ? `${answer.detail} answered, and not ${step.expected}` : answer.detail;
  const explanation = step.explain === undefined ? '' : await explained(options, step.explain, daemon);
  return { name, family, outcome: 'failed', detail, tookMs: null, explanation };
}

/** A pod in which nothing can be run is a failed check, and no reason to end. */
async function carryOut(kubectl: Kubectl, namespace: string, { pod, order }: CheckStep): Promise<AgentAnswer> {
  const command = clientCommand(JSON.stringify(order));
  const timeoutMs = order.timeoutMs + EXEC_ALLOWANCE_MS;
  try {
    const text = await kubectl.run(['exec', '-n', namespace, pod, '--', ...command], {
      purpose: `run a client in pod ${pod}`,
      timeoutMs,
    });
    return v.parse(v.pipe(v.string(), v.parseJson(), answerSchema), text);
  } catch (error) {
    if (!(error instanceof WeftError || error instanceof v.ValiError)) throw error;
    return { ok: false, detail: `it could not be tried: ${error.message}`, tookMs: 0 };
  }
}

async function explained(
  { kubectl, weftNamespace }: ClusterCheckOptions,
  words: readonly string[],
  { name, container }: DaemonPod,
): Promise<string> {
  const { stdout, stderr } = await kubectl.result(
    ['exec', '-n', weftNamespace, name, '-c', container, '--', 'weft', 'explain', ...words],
    { purpose: 'ask weft for an explanation' },
  );
  return (stdout.trim() === '' ? stderr : stdout).trimEnd();
}

/** @throws WeftError `check-not-removed`, and says how it is done by hand */
async function remove(kubectl: Kubectl, namespace: string, onProgress: (text: string) => void): Promise<void> {
  onProgress(`removing namespace ${namespace}`);
  const purpose = `remove namespace ${namespace}`;
  const deadlineMs = performance.now() + REMOVAL_MS;
  let problem = `it is still there after ${REMOVAL_MS / 1_000} s`;
  try {
    await kubectl.run(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false'], { purpose });
    while (performance.now() < deadlineMs) {
      const left = await kubectl.run(['get', 'namespace', namespace, '--ignore-not-found', '-o', 'name'], { purpose });
      if (left.trim() === '') return;
      await sleep(POLL_MS);
    }
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    problem = error.message;
  }
  throw new WeftError(
    NOT_REMOVED,
    `namespace ${namespace} of the check is left: ${problem}; kubectl delete namespace ${namespace}`,
    { namespace },
  );
}
