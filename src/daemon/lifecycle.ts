/** The daemon from its command line to its end. */
import type { Logger } from '../env/logger.ts';
import { presentThreads } from '../linux/thread-priority.ts';
import { ConfigError } from '../errors.ts';
import { composeDaemon, type Daemon } from './compose.ts';
import { loadThreads } from './compose-threads.ts';
import { withOrigin } from './config/config-origin.ts';
import type { WatchPurpose } from '../kubernetes/watched-resource.ts';
import { openApi } from './kubernetes/open-api.ts';
import { allowCollecting, returnGarbage } from './process/heap.ts';
import { loadConfig, type Config } from './config/config.ts';
import { openLog } from './process/log.ts';
import { ReadyFile } from './process/ready-file.ts';
import { awaitTurn, isFollowed } from './process/standby.ts';

/** How long an orderly end may take before the process ends anyway. Nothing is lost by it: state is saved as it changes. */
const CLOSE_DEADLINE_MS = 5_000;

export interface DaemonOptions {
  /** Configuration file; without one, flags and environment must say it all. */
  readonly file?: string;
  /** Scalar keys given as flags, by key path: `{ 'vxlan.port': '4789' }`. */
  readonly flags: Readonly<Record<string, string>>;
}

/** What whoever starts the daemon does beside it. */
export interface DaemonHooks {
  /** Called when it serves. `end` says that it is about to end. Never rejects. */
  readonly onServing?: (config: Config, logger: Logger, end: AbortSignal) => Promise<void>;
}

/**
 * Runs the daemon until SIGTERM or SIGINT, then returns. SIGHUP has it read the key file again.
 *
 * Ending is not removing: pods, leases, routes and the TUN device stay for the next start. `weft reset` removes them.
 *
 * @throws WeftError if it cannot start, or a worker died.
 */
export async function runDaemon(options: DaemonOptions, { onServing }: DaemonHooks = {}): Promise<void> {
  const input = { ...options, env: process.env };
  const config = loadConfig(input);
  const logger = openLog({ level: config.logLevel, format: config.log.format });
  logger.info({ file: config.file ?? null }, 'configuration read');
  // Signals are caught before anything is made: a SIGTERM during the start still ends in order.
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  // Unheard, it would end the process. One that comes during the start is not lost: the file may have been read already.
  const started = Promise.withResolvers<Daemon>();
  process.on('SIGHUP', () => void started.promise.then((made) => made.reload()));
  const ending = new AbortController();
  void signal.then(() => ending.abort());
  const threads = presentThreads();
  // Before its turn: what it takes to hear of the nodes, and to load programs, is over when they are asked for.
  const purposes: readonly WatchPurpose[] = config.services.enabled
    ? ['node', 'policy', 'service']
    : ['node', 'policy'];
  await using api = config.kubernetes && openApi(config.kubernetes, purposes, logger, input);
  allowCollecting();
  await using reserve = await loadThreads(config);
  const readyFile = new ReadyFile(config.readyFile);
  const turn = config.standby ? await turnOf(config, { logger, readyFile, ending: ending.signal }) : 'taken';
  if (turn === 'ended') return;
  let daemon: Daemon;
  try {
    const isSuccessor = turn === 'taken over';
    daemon = await composeDaemon(config, logger, { api, threads, reserve, isSuccessor, ending: ending.signal });
  } catch (error) {
    if (error === ending.signal.reason) return readyFile.remove();
    throw error instanceof ConfigError ? withOrigin(error, input) : error;
  }
  started.resolve(daemon);
  process.on('uncaughtException', (error) => {
    // Nothing that a timer or a callback could not have for the moment ends a daemon that forwards.
    if (daemon.survives(error)) return;
    logger.error({ err: error }, 'a bug in weft: please report it');
    process.exit(1);
  });
  readyFile.write('serving');
  void onServing?.(config, logger, ending.signal);
  returnGarbage();
  const end = await Promise.race([signal, daemon.failure]);
  setTimeout(() => {
    logger.error({ deadlineMs: CLOSE_DEADLINE_MS }, 'the end took too long');
    process.exit(1);
  }, CLOSE_DEADLINE_MS).unref();
  readyFile.remove();
  if (typeof end === 'string') logger.info({ signal: end }, 'ending');
  else logger.error({ err: end }, 'a worker died');
  if (config.standby && isFollowed(config.stateDir)) daemon.handOver();
  await daemon.close();
  if (typeof end !== 'string') throw end;
}

interface Turn {
  readonly logger: Logger;
  readonly readyFile: ReadyFile;
  readonly ending: AbortSignal;
}

/** Waits for it. The lock is kept until the process ends: whoever has it may take what this one still has. */
async function turnOf(
  { stateDir }: Config,
  { logger, readyFile, ending }: Turn,
): Promise<'taken' | 'taken over' | 'ended'> {
  let hasWaited = false;
  const onWait = (): void => {
    hasWaited = true;
    logger.info({ stateDir }, 'standing by: another daemon works on this node');
    readyFile.write('standby');
  };
  const lock = await awaitTurn(stateDir, onWait, ending);
  if (lock === undefined) {
    readyFile.remove();
    return 'ended';
  }
  logger.info({ stateDir }, 'this daemon is the one that works on this node');
  return hasWaited ? 'taken over' : 'taken';
}
