/** One small request at a time, and how long each answer takes. */
import { WeftError } from '../../src/errors.ts';
import { checked, lastErrnoName } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { percentile } from '../statistics.ts';
import { addressOf, limitReads, openSocket, setOption, socketCalls, SocketAbi } from './socket-calls.ts';
import { report, task } from './talk.ts';

/** Whom to ask. */
export interface RoundTripTask {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly durationMs: number;
}

/** A small request, as of a key-value store. */
const REQUEST_BYTES = 64;
/** The first ones meet cold caches and code that is not compiled yet. */
const WARM_UP = 50;
/** A datagram that is not answered by then is lost. TCP repeats by itself, and gets more time. */
const ANSWER_TIMEOUT_MS = { udp: 200, tcp: 5_000 } as const;
/** Lost ones in a row that mean that there is nobody. */
const MAX_LOST_IN_A_ROW = 10;

const { protocol, address, port, durationMs } = task() as RoundTripTask;
const memory = new MappedMemory(4096);
const buffer = memory.address + memory.allocate(REQUEST_BYTES).at;
const target = addressOf(address, port);
const fd = openSocket(protocol);
limitReads(fd, ANSWER_TIMEOUT_MS[protocol]);
checked(socketCalls.connect(fd, target, target.length), 'connect', `connect to ${address}`);
if (protocol === 'tcp') setOption(fd, SocketAbi.IPPROTO_TCP, SocketAbi.TCP_NODELAY, 1);

const timesUs: number[] = [];
let lost = 0;
let lostInARow = 0;
for (let end = performance.now() + durationMs; performance.now() < end;) {
  const begin = performance.now();
  const answered = exchange();
  const durationUs = (performance.now() - begin) * 1000;
  if (answered) timesUs.push(durationUs);
  else lost++;
  lostInARow = answered ? 0 : lostInARow + 1;
  if (lostInARow === MAX_LOST_IN_A_ROW)
    throw new WeftError('no-answer', `nobody answers at ${address}: ${lastErrnoName()}`);
}
const measured = timesUs.slice(WARM_UP).sort((a, b) => a - b);
report({
  p50: percentile(measured, 0.5),
  p99: percentile(measured, 0.99),
  p999: percentile(measured, 0.999),
  count: measured.length,
  lost,
});

/** Whether the whole answer came. */
function exchange(): boolean {
  socketCalls.sendto(fd, buffer, REQUEST_BYTES, 0, 0, 0);
  for (let received = 0; received < REQUEST_BYTES;) {
    const count = libc.read(fd, buffer, REQUEST_BYTES);
    if (count <= 0) return false;
    received += count;
  }
  return true;
}
