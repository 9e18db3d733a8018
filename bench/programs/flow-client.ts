/**
 * New flows, one after the other, each from a port of its own: how long the first packet and its answer take. Of TCP it is the kernel that
 * answers. Targets take turns, flow by flow.
 */
import { WeftError } from '../../src/errors.ts';
import { runOnCpus } from '../../src/linux/cpu-affinity.ts';
import { lastErrnoName } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { addressOf, bindTo, limitReads, openSocket, setOption, socketCalls, SocketAbi } from './socket-calls.ts';
import { report, task } from './talk.ts';

/** Whom to begin flows with. */
export interface FlowTask {
  readonly protocol: 'tcp' | 'udp';
  readonly targets: readonly string[];
  readonly port: number;
  /** That it runs on. */
  readonly processor: number;
  /** To each target. */
  readonly flows: number;
  /** Of the first flow; those behind it have the next ones. */
  readonly firstSourcePort: number;
}

/** In us, of each target. */
export interface FlowReport {
  readonly us: readonly (readonly number[])[];
}

const REQUEST_BYTES = 64;
const ANSWER_TIMEOUT_MS = 2_000;

const { protocol, targets, port, processor, flows, firstSourcePort } = task() as FlowTask;
runOnCpus([processor]);
const memory = new MappedMemory(4096);
const buffer = memory.address + memory.allocate(REQUEST_BYTES).at;
const addresses = targets.map((target) => addressOf(target, port));
const us = targets.map((): number[] => []);

let sourcePort = firstSourcePort;
for (let flow = 0; flow < flows; flow++) {
  for (let turn = 0; turn < targets.length; turn++) {
    // Who is first changes: it may find warmer caches.
    const target = (flow + turn) % targets.length;
    us[target]!.push(firstPacket(target));
  }
}
report({ us } satisfies FlowReport);

function firstPacket(target: number): number {
  const fd = openSocket(protocol);
  limitReads(fd, ANSWER_TIMEOUT_MS);
  bindTo(fd, sourcePort++);
  if (protocol === 'tcp') setOption(fd, Abi.SOL_SOCKET, SocketAbi.SO_LINGER, 1, 0);
  const address = addresses[target]!;
  let begin = performance.now();
  if (socketCalls.connect(fd, address, address.length) !== 0) fail(target);
  if (protocol === 'udp') {
    begin = performance.now();
    socketCalls.sendto(fd, buffer, REQUEST_BYTES, 0, 0, 0);
    if (libc.read(fd, buffer, REQUEST_BYTES) !== REQUEST_BYTES) fail(target);
  }
  const durationUs = (performance.now() - begin) * 1_000;
  libc.close(fd);
  return durationUs;
}

function fail(target: number): never {
  throw new WeftError('no-answer', `nobody answers at ${targets[target]}: ${lastErrnoName()}`);
}
