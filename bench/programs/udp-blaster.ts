/**
 * Sends UDP datagrams as fast as it can: `sendmmsg` of separate datagrams, without UDP_SEGMENT, so that each one is a
 * packet of its own from the beginning, as those of many small senders are. Flows take turns, a call each.
 */
import { libc } from '../../src/linux/ffi.ts';
import { Struct } from '../../src/linux/kernel-abi.ts';
import { MessageRing } from './message-ring.ts';
import { addressOf, openSocket, socketCalls } from './socket-calls.ts';
import { report, task } from './talk.ts';

/** What to send. */
export interface BlastTask {
  readonly destination: string;
  readonly port: number;
  readonly lengthBytes: number;
  /** Number of sockets, and so of source ports. */
  readonly flows: number;
  readonly durationMs: number;
  /** Spreads the datagrams at random over this many addresses from `destination` on, instead of sending all to it. */
  readonly addresses?: number;
}

/** Datagrams in one call. */
const BATCH = 64;

/** Random numbers are drawn beforehand: they would cost as much as the sending. */
const DRAWN = 1 << 16;

const { destination, port, lengthBytes, flows, durationMs, addresses } = task() as BlastTask;
const ring = new MessageRing(BATCH, lengthBytes, 1);
const target = addressOf(destination, port);
const fds = Array.from({ length: flows }, () => openSocket('udp'));
const spread = addresses === undefined ? undefined : drawAddresses(addresses);
if (spread === undefined) for (const fd of fds) socketCalls.connect(fd, target, target.length);
else addressRing();

let sent = 0;
let calls = 0;
let failed = 0;
const end = performance.now() + durationMs;
while (performance.now() < end) {
  if (spread !== undefined) chooseAddresses(spread, calls);
  const result = libc.sendmmsg(fds[calls % flows]!, ring.address, BATCH, 0);
  if (result > 0) sent += result;
  else failed++;
  calls++;
}
report({ sent, failed });

function drawAddresses(count: number): Uint32Array {
  const [a = 0, b = 0, c = 0, d = 0] = target.subarray(Struct.sockaddr_in.sin_addr);
  const first = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  return Uint32Array.from({ length: DRAWN }, () => first + Math.floor(Math.random() * count));
}

function addressRing(): void {
  for (let message = 0; message < BATCH; message++) {
    ring.memory.bytes.set(target, ring.addressesAt + message * Struct.sockaddr_in.size);
  }
  ring.addressMessages();
}

function chooseAddresses(drawn: Uint32Array, call: number): void {
  const { bytes } = ring.memory;
  for (let message = 0; message < BATCH; message++) {
    const address = drawn[(call * BATCH + message) % DRAWN]!;
    const at = ring.addressesAt + message * Struct.sockaddr_in.size + Struct.sockaddr_in.sin_addr;
    bytes[at] = address >>> 24;
    bytes[at + 1] = address >>> 16;
    bytes[at + 2] = address >>> 8;
    bytes[at + 3] = address;
  }
}
