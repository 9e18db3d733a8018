/** The prefixes of this node from its Node object: waited for at the start, and watched from then on. */
import type { Logger } from '../../env/logger.ts';
import { ConfigError } from '../../errors.ts';
import type { ApiNode } from '../../kubernetes/api-object.ts';
import { equalPrefixSets, prefixesOf } from '../../kubernetes/node-view.ts';
import { formatPrefix, type Prefix } from '../../wire/prefix.ts';
import { problemsOfNodePrefixes } from '../config/config-check.ts';
import type { ApiMirror } from './api-mirror.ts';

/** How long the API may take to confirm what was stored, in ms: a pod network that is down meanwhile is worse than to go by it. */
const PATIENCE_MS = 1_000;

/** How often it is looked whether there is something new, and how often waiting is logged, in ms. */
const LOOK_MS = 20;
const LOG_MS = 30_000;

export interface PrefixSourceOptions {
  readonly api: Pick<ApiMirror, 'ownNode' | 'isComplete' | 'reachability'>;
  /** Of the Node object. */
  readonly nodeName: string;
  readonly clusterPrefixes: readonly Prefix[];
  readonly logger: Logger;
  /** Ends the waiting. */
  readonly ending: AbortSignal;
}

/**
 * Waits until the Node object has prefixes. Those that were stored do if the API does not answer within a second.
 *
 * @throws ConfigError if they do not fit the configuration
 * @throws the reason of `ending`, if that comes first
 */
export async function awaitPrefixes(options: PrefixSourceOptions): Promise<readonly Prefix[]> {
  const { api, nodeName, clusterPrefixes, logger, ending } = options;
  const beganMs = performance.now();
  let loggedMs = -Infinity;
  let logged = '';
  for (;;) {
    ending.throwIfAborted();
    const nowMs = performance.now();
    const isConfirmed = api.isComplete('nodes');
    const { ownNode } = api;
    if (ownNode !== undefined && ownNode.podCidrs.length > 0 && (isConfirmed || nowMs - beganMs > PATIENCE_MS))
      return checkedPrefixes(ownNode, clusterPrefixes);
    const reason = reasonToWait(options, isConfirmed);
    // Not for what an answer takes.
    const isLate = nowMs - beganMs > PATIENCE_MS;
    if (isLate && (reason !== logged || nowMs - loggedMs > LOG_MS)) {
      logger.warn({ node: nodeName, reason }, 'waiting for the prefixes of this node');
      [logged, loggedMs] = [reason, nowMs];
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function reasonToWait({ api, nodeName }: PrefixSourceOptions, isConfirmed: boolean): string {
  if (!isConfirmed) {
    const { problem } = api.reachability();
    return `the Kubernetes API has not told its nodes${problem === '' ? '' : `: ${problem}`}`;
  }
  return api.ownNode === undefined
    ? `there is no Node ${nodeName}: it comes when the kubelet registers it; if it has another name, set kubernetes.nodeName to that`
    : `Node ${nodeName} has no podCIDRs: kube-controller-manager assigns them, with --allocate-node-cidrs and --cluster-cidr`;
}

/** @throws ConfigError */
function checkedPrefixes(node: ApiNode, clusterPrefixes: readonly Prefix[]): readonly Prefix[] {
  const { prefixes, unreadable } = prefixesOf(node);
  const from = `the podCIDRs of Node ${node.name} (${node.podCidrs.join(', ')})`;
  if (unreadable.length > 0) throw new ConfigError('', `${from}: ${unreadable.join(', ')} is no prefix`);
  const problems = problemsOfNodePrefixes({ nodePrefixes: [...prefixes], clusterPrefixes: [...clusterPrefixes] });
  if (problems.length === 0) return prefixes;
  const advice = 'clusterPrefixes have to contain what --cluster-cidr of kube-controller-manager says';
  throw new ConfigError('clusterPrefixes', `${from}: ${problems.join('; ')}: ${advice}`);
}

/** What the Node object has now, if that is something else than what is in use; `undefined`: it is the same, or it has none. */
export function changedPrefixes(node: ApiNode | undefined, inUse: readonly Prefix[]): string | undefined {
  if (node === undefined || node.podCidrs.length === 0) return undefined;
  const { prefixes, unreadable } = prefixesOf(node);
  return unreadable.length === 0 && equalPrefixSets(prefixes, inUse) ? undefined : node.podCidrs.join(', ');
}

/** For messages: `10.244.1.0/24, fd00:10:244:1::/64`. */
export function formatPrefixes(prefixes: readonly Prefix[]): string {
  return prefixes.map(formatPrefix).join(', ');
}
