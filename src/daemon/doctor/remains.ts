/** What can be said of a daemon that does not answer: what it stored, what of it is in the kernel, and what it wrote last. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plumbing } from '../../doctor/facts.ts';
import { WeftError } from '../../errors.ts';
import { runCommand } from '../../linux/command.ts';
import { deviceNames } from '../../linux/device-names.ts';
import { listTables } from '../../linux/nft-netlink.ts';
import { POLICY_TABLE, titleOf } from '../../linux/nftables.ts';
import { FileStore } from '../../linux/file-store.ts';
import { configFileOf, DEFAULT_STATE_DIR } from '../config/config-place.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { formatLogLine } from '../process/log-text.ts';
import type { PodRecord } from '../pods/pod-record.ts';
import { readStoredPods } from '../pods/stored-pods.ts';
import { roomIn } from '../state/state-room.ts';
import { defaultPlumbing, plumbingIn } from '../host/host-facts.ts';

/** Where a lab keeps the configuration and the log of a node: beside its socket. */
const BESIDE = { config: 'config.yaml', log: 'daemon.log' } as const;

/** How much of the end of a log is read, in bytes. */
const LOG_END_BYTES = 8_192;

export interface Remains {
  /** A sentence each. */
  readonly sentences: readonly string[];
  /** By its configuration, or the defaults. */
  readonly plumbing: Plumbing;
}

/** @param socketPath where it does not answer. */
export async function readRemains(socketPath: string): Promise<Remains> {
  const configured = readConfig(socketPath);
  const config = 'config' in configured ? configured.config : undefined;
  const plumbing = config === undefined ? defaultPlumbing : plumbingIn(config);
  const stateDir = config?.stateDir ?? DEFAULT_STATE_DIR;
  const log = await lastLogLine(socketPath);
  return {
    plumbing,
    sentences: [
      ...('problem' in configured ? [configured.problem] : []),
      ...stored(stateDir, plumbing.tunDevice),
      ...policiesLeft(),
      log === undefined ? 'no log of it was found' : `the last line of its log: ${log}`,
    ],
  };
}

function readConfig(socketPath: string): { readonly config: Config } | { readonly problem: string } | object {
  const beside = join(dirname(socketPath), BESIDE.config);
  const file = existsSync(beside) ? beside : configFileOf(undefined, process.env);
  if (file === undefined) return {};
  try {
    return { config: loadConfig({ file, flags: {}, env: process.env }) };
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return { problem: `its configuration is not right: ${error.message.replaceAll('\n', '; ')}` };
  }
}

function stored(stateDir: string, tunDevice: string): string[] {
  if (!existsSync(stateDir)) return [`the state directory ${stateDir} is not there: nothing was stored`];
  const { unwritable } = roomIn(stateDir);
  const unreadable = ['identity.json', 'keys.json'].flatMap((file) => whyUnreadable(stateDir, file));
  const devices = deviceNames();
  const tun = `its device ${tunDevice} ${devices.has(tunDevice) ? 'is there' : 'is not there'}`;
  return [...(unwritable === undefined ? [] : [unwritable]), ...unreadable, podsIn(stateDir, devices), tun];
}

/** Rules of policies stay when a daemon ends: without them, all is open. */
function policiesLeft(): string[] {
  const title = titleOf(POLICY_TABLE);
  return listTables()?.includes(title) === true
    ? [`network policies are enforced as it left them: the nftables table ${title} is there`]
    : [];
}

function podsIn(stateDir: string, devices: ReadonlySet<string>): string {
  let pods: readonly PodRecord[];
  try {
    pods = readStoredPods(stateDir);
  } catch (error) {
    return `the pods in ${stateDir} cannot be read: ${(error as Error).message}`;
  }
  if (pods.length === 0) return `no pods are stored in ${stateDir}`;
  const connected = pods.filter(({ hostDevice }) => devices.has(hostDevice)).length;
  const count = pods.length === 1 ? '1 pod is' : `${pods.length} pods are`;
  return `${count} stored in ${stateDir}, still connected: ${connected}`;
}

function whyUnreadable(stateDir: string, file: string): string[] {
  try {
    new FileStore(join(stateDir, file)).load();
    return [];
  } catch (error) {
    return [`${file} in ${stateDir} cannot be read, and no daemon starts without it: ${(error as Error).message}`];
  }
}

/** Of a lab's file, else of the unit of systemd. */
async function lastLogLine(socketPath: string): Promise<string | undefined> {
  const file = join(dirname(socketPath), BESIDE.log);
  const text = existsSync(file) ? endOf(file) : await journal();
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  if (line === '') return undefined;
  try {
    return formatLogLine(line, false).split('\n')[0]!.trim();
  } catch {
    // Not of the log itself: what Node wrote when it ended, for one.
    return line.replaceAll(/[^ -~]/g, '?');
  }
}

function endOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-LOG_END_BYTES);
  } catch {
    return '';
  }
}

async function journal(): Promise<string> {
  try {
    const argv = ['journalctl', '--unit', 'weft', '--lines', '1', '--output', 'cat', '--no-pager', '--quiet'];
    return await runCommand(argv, { purpose: 'read the log of the daemon' });
  } catch (error) {
    if (error instanceof WeftError) return '';
    throw error;
  }
}
