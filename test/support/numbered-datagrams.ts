/**
 * A one-way stream of UDP datagrams, sent as super-packets (`UDP_SEGMENT`), as programs for network namespaces.
 *
 *     numbered-datagrams.ts receive ADDRESS PORT COUNT
 *     numbered-datagrams.ts send SOURCE ADDRESS:PORT COUNT
 *
 * Each datagram is {@link DATAGRAM_BYTES} long and its bytes follow from its number, so that the receiver can tell damage.
 * `receive` writes a {@link ReceivedDatagrams} as JSON once all have come, or none any more for a while.
 */
import { createSocket } from 'node:dgram';
import { writeU32 } from '../../src/wire/octets.ts';
import { BurstSender } from './burst-sender.ts';

export const DATAGRAM_BYTES = 1_000;

export interface ReceivedDatagrams {
  readonly intact: number;
  readonly damaged: number;
}

const FIRST_DEADLINE_MS = 60_000;
/** Far above any pause of a sender that has begun. */
const NEXT_DEADLINE_MS = 15_000;

function numbered(number: number): Uint8Array {
  const bytes = Uint8Array.from({ length: DATAGRAM_BYTES }, (_, at) => (number * 7 + at) & 0xff);
  writeU32(bytes, 0, number);
  return bytes;
}

function receive(address: string, port: number, count: number): void {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const missing = new Set(Array.from({ length: count }, (_, number) => number));
  let damaged = 0;
  const end = (): void => {
    console.log(JSON.stringify({ intact: count - missing.size, damaged } satisfies ReceivedDatagrams));
    process.exit();
  };
  let deadline = setTimeout(end, FIRST_DEADLINE_MS);
  socket.on('message', (bytes) => {
    const number = bytes.length < 4 ? -1 : bytes.readUInt32BE(0);
    if (!bytes.equals(numbered(number)) || !missing.delete(number)) damaged++;
    if (missing.size === 0) return end();
    clearTimeout(deadline);
    deadline = setTimeout(end, NEXT_DEADLINE_MS);
  });
  socket.bind(port, address);
}

function send(from: string, to: string, count: number): void {
  const sender = new BurstSender(from, to, true);
  for (let number = 0; number < count; number++) sender.push(numbered(number));
  sender.flush();
  if (sender.failed > 0) throw new Error(`${sender.failed} of ${count} datagrams could not be sent`);
}

if (import.meta.main) {
  const [role, first = '', second = '', count = ''] = process.argv.slice(2);
  if (role === 'send') send(first, second, Number(count));
  else receive(first, Number(second), Number(count));
}
