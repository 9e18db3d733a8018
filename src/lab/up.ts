/** `weft lab up`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConfigProblem, loadConfig } from '../daemon/config/config.ts';
import { ConfigError, RequirementError, WeftError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import { controlOf, logTail, startDaemon, writeConfig } from './daemon-process.ts';
import { takeDown } from './down.ts';
import { createLabDirectory, namespacePath, nodeFiles } from './lab-directory.ts';
import { labStatus } from './status.ts';
import type { LabStatus } from './status.ts';
import { planLab } from './topology.ts';
import type { LabPlan, LabSpec, NodePlan } from './topology.ts';
import { underlayBatches, underlayEnds } from './underlay-links.ts';
import { prepareSwitch } from './cut.ts';

/** Gossip spreads within a few of its rounds, which are a second long or shorter; on a busy machine it has to wait for daemons. */
const CONVERGENCE_DEADLINE_MS = 90_000;

const POLL_MS = 100;

/**
 * Makes a lab and waits until every node has the routes of all others. What fails half-way is taken down again.
 *
 * @param progress told each step as it begins.
 * @param interruption ends the attempt as an error does: nothing is left.
 * @throws ConflictError `lab-exists`; RequirementError; WeftError `lab-daemon-failed`, `lab-pod-failed` or `lab-not-converged`.
 */
export async function bringUp(
  spec: LabSpec,
  progress: (step: string) => void,
  interruption: AbortSignal,
): Promise<LabStatus> {
  const plan = planLab(spec);
  requireRoot();
  createLabDirectory(spec);
  try {
    writeConfigs(plan);
    progress(`underlay: ${plan.nodes.length} nodes, a switch and the world`);
    await makeUnderlay(plan);
    interruption.throwIfAborted();
    progress('daemons');
    await Promise.all(plan.nodes.map((node) => startDaemon(plan, node, interruption)));
    progress('pods');
    await Promise.all(plan.nodes.map((node) => addPods(plan, node)));
    interruption.throwIfAborted();
    progress('routes by gossip');
    await convergence(plan, interruption);
    const status = await labStatus(spec.name);
    interruption.throwIfAborted();
    return status;
  } catch (error) {
    await takeDown(spec.name);
    throw error;
  }
}

/** Written and checked before anything is made. @throws ConfigError naming the setting that is wrong. */
function writeConfigs(plan: LabPlan): void {
  for (const node of plan.nodes) writeConfig(plan, node);
  const [first] = plan.nodes;
  try {
    loadConfig({ file: nodeFiles(plan.spec.name, first!.name).config, flags: {}, env: {} });
  } catch (error) {
    const problems = (error as ConfigError).details?.['problems'] as readonly ConfigProblem[] | undefined;
    if (problems === undefined) throw error;
    throw new ConfigError('--set', problems.map(({ path, problem }) => `${path}: ${problem}`).join('; '));
  }
}

function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new RequirementError('not-root', 'a lab needs root, to make network namespaces: run it with sudo');
}

async function makeUnderlay(plan: LabPlan): Promise<void> {
  for (const { netns, lines } of underlayBatches(plan)) {
    await runCommand(['ip', '-batch', '-'], {
      purpose: `make the underlay of lab ${plan.spec.name}`,
      input: `${lines.join('\n')}\n`,
      ...(netns === undefined ? {} : { netns: namespacePath(netns) }),
    });
  }
  await prepareSwitch(plan);
  if (!plan.spec.plainUnderlay) return;
  for (const { netns, device } of underlayEnds(plan)) {
    await runCommand(['ethtool', '-K', device, 'tx', 'off'], {
      purpose: 'turn offloads off on the underlay',
      netns: namespacePath(netns),
    });
  }
}

async function addPods(plan: LabPlan, node: NodePlan): Promise<void> {
  const files = nodeFiles(plan.spec.name, node.name);
  const control = controlOf(files);
  for (const pod of node.pods) {
    try {
      await control.addPod(pod.name, { netns: pod.netns });
    } catch (error) {
      const why = `${(error as Error).message}; on ${node.name}, ${logTail(files)}`;
      throw new WeftError('lab-pod-failed', `cannot add pod ${pod.netns}: ${why}`, { pod: pod.netns }, error);
    }
  }
}

async function convergence(plan: LabPlan, interruption: AbortSignal): Promise<void> {
  const deadline = performance.now() + CONVERGENCE_DEADLINE_MS;
  const wanted = plan.nodes.flatMap((node) => node.prefixes);
  for (const node of plan.nodes) {
    const files = nodeFiles(plan.spec.name, node.name);
    const control = controlOf(files);
    for (;;) {
      const known = new Set((await control.routes()).map((route) => route.prefix));
      const missing = wanted.filter((prefix) => !known.has(prefix));
      if (missing.length === 0) break;
      if (performance.now() > deadline) {
        const what = `${node.name} has no route to ${missing.join(', ')}`;
        throw new WeftError('lab-not-converged', `${what}; ${logTail(files)}`, { node: node.name, missing });
      }
      await sleep(POLL_MS, undefined, { signal: interruption });
    }
  }
}
