/**
 * Makes cables of several pods at one time, and removes them, in a network namespace of this process's own: run it by `unshare --net`.
 * Prints what came of it, as JSON.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { makeCable, type NewCable } from '../../src/daemon/pods/new-pod-cable.ts';
import { disconnectPod } from '../../src/daemon/pods/pod-wiring.ts';
import { deviceNames } from '../../src/linux/device-names.ts';
import { namespaceIdentity } from '../../src/linux/namespace-files.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { until } from './until.ts';

export interface NewCablesReport {
  /** What each was told; empty: it was made. */
  readonly outcomes: readonly string[];
  /** Devices of the node when all were made. */
  readonly made: readonly string[];
  readonly routes: readonly string[];
  readonly hostEnd: string;
  /** What each was told when it was removed. */
  readonly removals: readonly string[];
  readonly left: readonly string[];
}

const containers: ChildProcess[] = [];

async function namespaceOfContainer(): Promise<string> {
  const container = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' });
  containers.push(container);
  const path = `/proc/${container.pid}/ns/net`;
  const own = namespaceIdentity('/proc/self/ns/net');
  await until('the container has a namespace of its own', () => {
    const identity = namespaceIdentity(path);
    return identity !== undefined && identity !== own;
  });
  return path;
}

function cable(number: number, netns: string): NewCable {
  return {
    pod: `p${number}`,
    netns,
    device: 'eth0',
    hostDevice: `wf0000000${number}`,
    alias: `weft:default:p${number}`,
    hostMac: `02:00:00:00:01:0${number}`,
    podMac: `02:00:00:00:02:0${number}`,
    mtuBytes: 1450,
    addresses: [parseIpAddress(`10.244.1.${number}`)!, parseIpAddress(`fd00::${number}`)!],
    nodeAddresses: [parseIpAddress('10.244.1.100')!],
  };
}

const said = (outcome: PromiseSettledResult<unknown>): string =>
  outcome.status === 'fulfilled' ? '' : (outcome.reason as Error).message;

function ip(...args: readonly string[]): string[] {
  return execFileSync('ip', args, { encoding: 'utf8' }).trimEnd().split('\n');
}

function devices(): string[] {
  return [...deviceNames()].filter((name) => name.startsWith('wf')).toSorted();
}

try {
  ip('link', 'set', 'dev', 'lo', 'up');
  ip('address', 'add', '10.244.1.100/32', 'dev', 'lo');
  const paths = [await namespaceOfContainer(), await namespaceOfContainer(), await namespaceOfContainer()];
  execFileSync('nsenter', [
    `--net=${paths[1]}`,
    'ip',
    'link',
    'add',
    'name',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'other',
  ]);
  const cables = [...paths.map((path, index) => cable(index + 1, path)), cable(4, '/proc/self/status')];
  const outcomes = await Promise.allSettled(cables.map(makeCable));
  const made = devices();
  const routes = [...ip('-4', 'route', 'show'), ...ip('-6', 'route', 'show', 'proto', '87')];
  const [, ...hostEnd] = ip('address', 'show', 'dev', 'wf00000001');
  const removals = await Promise.allSettled(cables.map(async ({ pod, hostDevice }) => disconnectPod(pod, hostDevice)));
  const report: NewCablesReport = {
    outcomes: outcomes.map(said),
    made,
    routes: routes.map((route) => route.trim()),
    hostEnd: hostEnd.join('\n'),
    removals: removals.map(said),
    left: devices(),
  };
  process.stdout.write(JSON.stringify(report));
} finally {
  for (const container of containers) container.kill();
}
