/**
 * Connections, each for one small request and its answer, some of them in flight at a time. They are reset in the end, so
 * that none lingers in TIME_WAIT: it would take up a port, and there are too few.
 */
import { WeftError } from '../../src/errors.ts';
import { lastErrnoName } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { addressOf, limitReads, openSocket, setOption, socketCalls, SocketAbi } from './socket-calls.ts';
import { report, task } from './talk.ts';

/** Whom to connect to. */
export interface ConnectionTask {
  readonly address: string;
  readonly port: number;
  readonly durationMs: number;
}

const IN_FLIGHT = 16;
const REQUEST_BYTES = 64;
const TIMEOUT_MS = 5_000;

const { address, port, durationMs } = task() as ConnectionTask;
const memory = new MappedMemory(4096);
const buffer = memory.address + memory.allocate(REQUEST_BYTES).at;
const target = addressOf(address, port);

let connections = 0;
const begin = performance.now();
let now = begin;
while (now < begin + durationMs) {
  const fds = Array.from({ length: IN_FLIGHT }, beginConnection);
  // From here on a call waits: the first for the connection, the second for the answer.
  for (const fd of fds) {
    socketCalls.fcntl(fd, SocketAbi.F_SETFL, 0);
    if (socketCalls.sendto(fd, buffer, REQUEST_BYTES, 0, 0, 0) !== REQUEST_BYTES) fail('connect');
  }
  for (const fd of fds) {
    if (libc.read(fd, buffer, REQUEST_BYTES) !== REQUEST_BYTES) fail('get an answer');
    libc.close(fd);
  }
  connections += IN_FLIGHT;
  now = performance.now();
}
report({ connections, durationMs: now - begin });

function beginConnection(): number {
  const fd = openSocket('tcp', true);
  setOption(fd, Abi.SOL_SOCKET, SocketAbi.SO_LINGER, 1, 0);
  limitReads(fd, TIMEOUT_MS);
  socketCalls.connect(fd, target, target.length);
  return fd;
}

function fail(what: string): never {
  throw new WeftError('no-answer', `could not ${what} at ${address}: ${lastErrnoName()}`);
}
