/**
 * The daemon of a lab node: a real one, started in the node's network namespace and left running when the command that
 * started it ends. What is known about its process is on disk, so that any later command can find it.
 */
import { DAEMON_NODE_OPTIONS } from '../daemon/process/heap.ts';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { ControlClient } from '../client/control-client.ts';
import { ConflictError, WeftError } from '../errors.ts';
import { namespacePath, nodeFiles } from './lab-directory.ts';
import type { NodeFiles } from './lab-directory.ts';
import { nodeConfig } from './node-config.ts';
import { identifyProcess, isRunning, signalProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { LabPlan, NodePlan } from './topology.ts';

/** A daemon answers within a second; on a busy machine that starts many at once it takes longer. */
const START_DEADLINE_MS = 90_000;

/** Time for a daemon to leave in peace before it is killed. */
const STOP_DEADLINE_MS = 20_000;

const POLL_MS = 50;

/** Lines of a log that explain a start that failed. */
const LOG_TAIL_LINES = 15;

/** Starts a node's daemon and waits until it answers, or until `interruption`. @throws ConflictError `lab-node-running`; WeftError `lab-daemon-failed`, with the end of its log. */
export async function startDaemon(plan: LabPlan, node: NodePlan, interruption?: AbortSignal): Promise<void> {
  const files = nodeFiles(plan.spec.name, node.name);
  if (runningDaemon(files) !== undefined) {
    throw new ConflictError('lab-node-running', `the daemon of ${node.name} runs already`);
  }
  mkdirSync(files.stateDir, { recursive: true, mode: 0o700 });
  const daemon = spawnDaemon(node, files);
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await answers(files))) {
    if (!isRunning(daemon)) throw failedStart(node, files, 'ended');
    if (performance.now() > deadline) {
      await endDaemon(files, 'SIGKILL');
      throw failedStart(node, files, `did not answer within ${START_DEADLINE_MS / 1000} s`);
    }
    await sleep(POLL_MS, undefined, interruption && { signal: interruption });
  }
}

/** Writes a node's configuration: once, so that it can be edited before the daemon is started again. */
export function writeConfig(plan: LabPlan, node: NodePlan): void {
  const files = nodeFiles(plan.spec.name, node.name);
  mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  writeFileSync(files.config, stringify(nodeConfig(plan, node, files)));
}

/** The process of a node's daemon, `undefined` if it does not run. */
export function runningDaemon(files: NodeFiles): ProcessIdentity | undefined {
  if (!existsSync(files.process)) return undefined;
  const daemon = JSON.parse(readFileSync(files.process, 'utf8')) as ProcessIdentity;
  return isRunning(daemon) ? daemon : undefined;
}

/** Ends a node's daemon, by `SIGKILL` if another signal did not do it in time. Whether it was running. */
export async function endDaemon(files: NodeFiles, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  const daemon = runningDaemon(files);
  if (daemon !== undefined) await endProcesses([daemon], signal);
  rmSync(files.process, { force: true });
  return daemon !== undefined;
}

/** Ends processes and waits until they are gone. */
export async function endProcesses(
  processes: readonly ProcessIdentity[],
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  const deadline = performance.now() + STOP_DEADLINE_MS;
  for (const each of processes) signalProcess(each, signal);
  while (processes.some(isRunning)) {
    if (performance.now() > deadline) for (const each of processes) signalProcess(each, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

/** The last lines of a node's log, to complete a message: a lab that failed to come up is gone, and its logs with it. */
export function logTail(files: NodeFiles): string {
  const log = existsSync(files.log) ? readFileSync(files.log, 'utf8').trimEnd() : '';
  return `the end of its log:\n${log.split('\n').slice(-LOG_TAIL_LINES).join('\n')}`;
}

/** A client for the control socket of a node. */
export function controlOf(files: NodeFiles): ControlClient {
  return new ControlClient(files.socket);
}

function spawnDaemon(node: NodePlan, files: NodeFiles): ProcessIdentity {
  // Sources run as they are; an installed copy has the same layout, compiled.
  const main = join(import.meta.dirname, '..', 'cli', `main${extname(import.meta.filename)}`);
  const log = openSync(files.log, 'a', 0o600);
  // nsenter replaces itself by the daemon, so its process id is the daemon's. Not `ip netns exec`, which would remount
  // /sys and leave namespaces that the daemon makes invisible to everybody else.
  const child = spawn(
    'nsenter',
    [
      `--net=${namespacePath(node.netns)}`,
      '--',
      process.execPath,
      ...DAEMON_NODE_OPTIONS,
      main,
      'daemon',
      '--config',
      files.config,
    ],
    { cwd: '/', detached: true, stdio: ['ignore', log, log], env: environmentWithoutSettings() },
  );
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  const daemon = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (daemon === undefined) throw failedStart(node, files, 'could not be started with nsenter');
  writeFileSync(files.process, JSON.stringify(daemon));
  return daemon;
}

/** WEFT_* variables are settings, and would be the same for all nodes. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_')));
}

async function answers(files: NodeFiles): Promise<boolean> {
  try {
    await controlOf(files).status();
    return true;
  } catch {
    return false;
  }
}

function failedStart(node: NodePlan, files: NodeFiles, what: string): WeftError {
  return new WeftError('lab-daemon-failed', `the daemon of ${node.name} ${what}; ${logTail(files)}`, {
    node: node.name,
  });
}
