/**
 * Errors by which the kernel says that there is nothing left of something: descriptors, processes, memory. They are nobody's mistake,
 * go by, and must end nothing.
 */
import { channel } from 'node:diagnostics_channel';
import { ExhaustedError, SystemCallError } from '../errors.ts';
import { descriptorLimit } from './descriptors.ts';
import { errnoName } from './errno.ts';
import { describeTaskLimit, readTaskLimits, type TaskLimit } from './task-limits.ts';

/** `files`: of the whole machine. `processes`: and threads. */
export type Shortage = 'descriptors' | 'files' | 'processes' | 'memory';

/** One that was met. */
export interface MetShortage {
  readonly error: unknown;
  /** What could not be done, completing "cannot …". */
  readonly purpose: string;
}

/** Whoever has this process tell of them hears of each {@link MetShortage} here, wherever it came up. */
export const shortages = channel('weft:shortages');

/** Of these, any call may speak. */
const byName: Readonly<Record<string, Shortage>> = {
  EMFILE: 'descriptors',
  ENFILE: 'files',
  ENOMEM: 'memory',
  ENOBUFS: 'memory',
};

/** What there was nothing left of; `undefined`: the error says something else. */
export function shortageIn(error: unknown): Shortage | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof ExhaustedError && error.code in shortageByCode) return shortageByCode[error.code];
  const name = errnoNameOf(error);
  // Elsewhere, EAGAIN is an answer.
  const isStart = isStartOfTask(error);
  if (name === 'EAGAIN' && isStart) return 'processes';
  const known = name === undefined ? undefined : byName[name];
  if (known !== undefined) return known;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_INIT_FAILED') return byName[/\bE[A-Z]+\b/.exec(message)?.[0] ?? ''] ?? 'processes';
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'memory';
  return error instanceof RangeError && message === 'Array buffer allocation failed' ? 'memory' : undefined;
}

/**
 * Whether `error` is one of these, for who goes on without what could not be done, and tries again later.
 *
 * @param purpose what could not be done, completing "cannot …".
 */
export function isShortage(error: unknown, purpose: string): boolean {
  if (shortageIn(error) === undefined) return false;
  shortages.publish({ error, purpose } satisfies MetShortage);
  return true;
}

/**
 * The same error in words that help, if it is one of these: which limit was hit, and how to raise it. For who has to be told.
 *
 * @param purpose what could not be done, completing "cannot …": `add the route to 10.0.0.0/8`.
 */
export function explainShortage(error: unknown, purpose: string): ExhaustedError | undefined {
  const explained = describeShortage(error, purpose);
  if (explained !== undefined) shortages.publish({ error: explained, purpose } satisfies MetShortage);
  return explained;
}

/** As {@link explainShortage}, and nobody else hears of it. */
export function describeShortage(error: unknown, purpose: string): ExhaustedError | undefined {
  const shortage = shortageIn(error);
  if (shortage === undefined) return undefined;
  if (error instanceof ExhaustedError) return error;
  return explanations[shortage](error as Error, purpose);
}

const explanations: Readonly<Record<Shortage, (error: Error, purpose: string) => ExhaustedError>> = {
  descriptors: (error, purpose) => {
    const limit = descriptorLimit();
    const message = `cannot ${purpose}: this process has all of its ${limit} descriptors open (RLIMIT_NOFILE): raise LimitNOFILE= of the systemd unit, or --ulimit nofile= of the container`;
    return new ExhaustedError('descriptors-exhausted', message, { limit: 'RLIMIT_NOFILE', value: limit }, error);
  },
  files: (error, purpose) => {
    const message = `cannot ${purpose}: this machine has all files open that it may (fs.file-max): raise it, or find out who has so many open: cat /proc/sys/fs/file-nr`;
    return new ExhaustedError('files-exhausted', message, { limit: 'fs.file-max' }, error);
  },
  processes: (error, purpose) => processesExhausted(error, purpose, readTaskLimits()),
  memory: (error, purpose) => {
    const message = `cannot ${purpose}: the kernel has no memory left for it: see MemAvailable in /proc/meminfo, and memory.max of the control group`;
    return new ExhaustedError('memory-exhausted', message, {}, error);
  },
};

/** Of a limit, so much is used that it is the one that was hit: the moment after, some of it may be free again. */
const HIT_RATIO = 0.95;

/** @param limits as {@link readTaskLimits} gives them. */
export function processesExhausted(error: unknown, purpose: string, limits: readonly TaskLimit[]): ExhaustedError {
  const hit = limits.filter(({ used, limit }) => used >= HIT_RATIO * limit);
  const details = { limits: limits.map(({ name, of, limit, used }) => ({ name, of, limit, used })) };
  const which =
    hit.length === 0
      ? `which limit was hit is not known: ${limits.map(describeTaskLimit).join(', ') || 'none can be read'}`
      : hit.map((one) => `${describeTaskLimit(one)}: ${one.remedy}`).join('; ');
  const message = `cannot ${purpose}: no process or thread can be started (EAGAIN): ${which}`;
  return new ExhaustedError('processes-exhausted', message, details, error);
}

const shortageByCode: Readonly<Record<string, Shortage>> = {
  'descriptors-exhausted': 'descriptors',
  'files-exhausted': 'files',
  'processes-exhausted': 'processes',
  'memory-exhausted': 'memory',
};

function errnoNameOf(error: Error): string | undefined {
  if (error instanceof SystemCallError) return error.errnoName;
  const { code, info } = error as NodeJS.ErrnoException & { readonly info?: { readonly errno?: number } };
  // Of some functions of `node:os`, Node does not know the name.
  if (code === 'ERR_SYSTEM_ERROR' && info?.errno !== undefined) return errnoName(Math.abs(info.errno));
  return code;
}

function isStartOfTask(error: Error): boolean {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && /^(spawn|fork|clone)\b/.test(syscall);
}
