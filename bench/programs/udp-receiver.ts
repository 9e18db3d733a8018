/**
 * Counts what arrives of a blast, in a window that begins some time after the first datagram: by then queues are full and
 * code is compiled, and the blast goes on until after its end.
 */
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MessageRing } from './message-ring.ts';
import { bindTo, limitReads, openSocket, setOption, SocketAbi } from './socket-calls.ts';
import { report, sayReady, task } from './talk.ts';

/** What to count. */
export interface ReceiveTask {
  readonly port: number;
  /** Datagrams of another length are not counted. */
  readonly lengthBytes: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
}

const BATCH = 64;
/** Room for a burst. Larger than any rival's own, so that this is not what is measured. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Nothing in all this time: nothing will come any more. */
const SILENCE_MS = 3_000;

const { port, lengthBytes, warmUpMs, windowMs } = task() as ReceiveTask;
// One byte more, so that a datagram that is too long is seen to be.
const ring = new MessageRing(BATCH, lengthBytes + 1);
const fd = openSocket('udp');
setOption(fd, Abi.SOL_SOCKET, Abi.SO_RCVBUFFORCE, BUFFER_BYTES);
limitReads(fd, SILENCE_MS);
bindTo(fd, port);
sayReady();

let received = 0;
let begin = Infinity;
for (;;) {
  const count = libc.recvmmsg(fd, ring.address, BATCH, SocketAbi.MSG_WAITFORONE, 0);
  const now = performance.now();
  if (count <= 0) break;
  if (begin === Infinity) begin = now + warmUpMs;
  if (now < begin) continue;
  if (now >= begin + windowMs) break;
  for (let message = 0; message < count; message++) if (ring.receivedBytes(message) === lengthBytes) received++;
}
report({ received });
