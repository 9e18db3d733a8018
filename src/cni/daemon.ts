/** The daemon, as the plugin talks to it: it may be about to start, or have many visitors. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../client/control-client.ts';
import { WeftError } from '../errors.ts';
import { CniCode, CniError } from './cni-error.ts';

/** Longest wait for a daemon that does not listen, in ms: it starts within two seconds, on a machine that is busy booting in more. */
const START_WAIT_MS = 30_000;

/** Longest wait for a place among the daemon's clients, in ms: hundreds of containers may start at one time. */
const TURN_WAIT_MS = 60_000;

/** Longest wait for an answer, in ms. */
const ANSWER_WAIT_MS = 90_000;

/** From one attempt to the next, in ms: drawn from this to three times as much, so that not all come at once. */
const RETRY_MS = 50;

/** Codes of a daemon that is not there. */
const absent: ReadonlySet<string> = new Set([
  'daemon-not-running',
  'daemon-unreachable',
  'daemon-stopped',
  'daemon-timeout',
]);

/** Codes that a little time may cure, and what they mean to a runtime. */
const later: ReadonlySet<string> = new Set([
  ...absent,
  'door-full',
  'pool-exhausted',
  'address-cooling',
  'store-failed',
]);

/** What is wrong with the environment: the path of the namespace. */
const ofNetns: ReadonlySet<string> = new Set(['netns-not-found', 'not-a-network-namespace', 'netns-of-node']);

export function daemonAt(socket: string): ControlClient {
  return new ControlClient(socket, { origin: 'socket in the network configuration', timeoutMs: ANSWER_WAIT_MS });
}

/**
 * Asks; again, for a bounded time, while all places are taken or, if `waitsForStart`, while no daemon listens.
 *
 * @throws WeftError
 */
export async function patiently<Answer>(ask: () => Promise<Answer>, waitsForStart: boolean): Promise<Answer> {
  const beginMs = performance.now();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const waitMs = waitFor(error, waitsForStart);
      if (performance.now() - beginMs > waitMs) throw error;
      await sleep(RETRY_MS * (1 + 2 * Math.random()));
    }
  }
}

function waitFor(error: unknown, waitsForStart: boolean): number {
  if (!(error instanceof WeftError)) return 0;
  if (error.code === 'door-full' || isTurnedAway(error)) return TURN_WAIT_MS;
  return waitsForStart && error.code === 'daemon-not-running' ? START_WAIT_MS : 0;
}

/** A daemon with many visitors may hang up before it has read what it was asked, and then the answer is lost. */
function isTurnedAway({ code, details }: WeftError): boolean {
  return code === 'daemon-unreachable' && (details['errno'] === 'EPIPE' || details['errno'] === 'ECONNRESET');
}

/** Whether nobody could be asked. */
export function isDaemonAbsent(error: unknown): boolean {
  return error instanceof WeftError && (absent.has(error.code) || error.code === 'door-full');
}

/** The daemon's error as one of the specification. Others are given back. */
export function cniErrorOf(error: unknown): unknown {
  if (!(error instanceof WeftError)) return error;
  const { code, message } = error;
  if (later.has(code)) return new CniError(CniCode.tryAgainLater, message, code);
  if (ofNetns.has(code)) return new CniError(CniCode.invalidEnvironment, `CNI_NETNS: ${message}`, code);
  if (code === 'config-invalid') return configError(error);
  return new CniError(CniCode.refused, message, code);
}

/** By the key that is wrong one knows where it came from. */
function configError({ message, details, code }: WeftError): CniError {
  const variables: Readonly<Record<string, string>> = { device: 'CNI_IFNAME', containerId: 'CNI_CONTAINERID' };
  const path = details['path'];
  const variable = typeof path === 'string' ? variables[path] : undefined;
  if (variable !== undefined) return new CniError(CniCode.invalidEnvironment, `${variable}: ${message}`, code);
  return new CniError(CniCode.invalidConfig, message, code);
}
