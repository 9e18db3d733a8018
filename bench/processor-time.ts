/** Processor time, as proc_stat(5) and proc_pid_stat(5) have it. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';

/** Ticks in a second, in everything under /proc (USER_HZ): the same on all platforms that weft runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds that all processors together have spent since the machine started. */
export interface MachineTime {
  /** In programs and in the kernel, interrupts and softirqs included. */
  readonly busySeconds: number;
  /** The part of it in interrupts and softirqs. */
  readonly interruptSeconds: number;
  /** Wanted, but given to another virtual machine. */
  readonly stolenSeconds: number;
  readonly totalSeconds: number;
}

export function machineTime(): MachineTime {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, stolen = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / TICKS_PER_SECOND);
  const busySeconds = user + nice + system + irq + softIrq;
  return {
    busySeconds,
    interruptSeconds: irq + softIrq,
    stolenSeconds: stolen,
    totalSeconds: busySeconds + idle + ioWait + stolen,
  };
}

/**
 * Seconds on a processor of all threads of a process that live now, to the nanosecond: of an idle daemon, whose every turn
 * is shorter than a tick, ticks would say nothing.
 */
export function processSeconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
    .reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e9, 0);
}

/**
 * Seconds that the kernel's network code spent outside of any process that asked for it: in ksoftirqd, and, where the
 * kernel accounts for interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING), in interrupts. Elsewhere an interrupt is charged to
 * whoever was interrupted, which with packets is nearly always whoever sent them.
 */
export function softInterruptSeconds(): number {
  const threads = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).startsWith('ksoftirqd/'));
  const inThreads = threads.reduce((sum, pid) => sum + processSeconds(Number(pid)), 0);
  return inThreads + (accountsForInterrupts() ? machineTime().interruptSeconds : 0);
}

function accountsForInterrupts(): boolean {
  if (existsSync('/proc/config.gz')) return isConfigured(gunzipSync(readFileSync('/proc/config.gz')).toString());
  const file = `/boot/config-${release()}`;
  return existsSync(file) && isConfigured(readFileSync(file, 'utf8'));
}

function isConfigured(config: string): boolean {
  return /^CONFIG_IRQ_TIME_ACCOUNTING=y$/m.test(config);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
}

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
