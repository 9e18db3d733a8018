/**
 * UDP flows whose datagrams are numbered, as programs for network namespaces: do those of a flow arrive in order?
 *
 *     flow-order.ts receive ADDRESS PORT
 *     flow-order.ts send ADDRESS PORT FLOWS COUNT
 *
 * `send` sends COUNT datagrams in each of FLOWS flows, a burst of each in turn. `receive` writes {@link ArrivedFlows} as JSON
 * once none have come for a while; some may be lost on the way.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ArrivedFlows {
  readonly flows: number;
  readonly datagrams: number;
  /** Datagrams that came after a later one of their flow. */
  readonly overtaken: number;
}

const FIRST_DEADLINE_MS = 60_000;
const NEXT_DEADLINE_MS = 5_000;
const BURST = 8;
/** Between bursts of all flows, in ms. */
const PAUSE_MS = 2;

function receive(address: string, port: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const last = new Map<number, number>();
  let datagrams = 0;
  let overtaken = 0;
  const end = (): void => {
    console.log(JSON.stringify({ flows: last.size, datagrams, overtaken } satisfies ArrivedFlows));
    process.exit();
  };
  let deadline = setTimeout(end, FIRST_DEADLINE_MS);
  socket.on('message', (bytes, { port: flow }) => {
    const number = bytes.readUInt32BE(0);
    const before = last.get(flow) ?? -1;
    if (number < before) overtaken++;
    last.set(flow, Math.max(before, number));
    datagrams++;
    clearTimeout(deadline);
    deadline = setTimeout(end, NEXT_DEADLINE_MS);
  });
  socket.bind(port, address);
}

async function send(address: string, port: number, flows: number, count: number): Promise<void> {
  const sockets = Array.from({ length: flows }, () => createSocket('udp4'));
  for (const socket of sockets) {
    socket.connect(port, address);
    await once(socket, 'connect');
  }
  for (let number = 0; number < count; number += BURST) {
    for (const socket of sockets) {
      for (let next = number; next < number + BURST; next++) {
        const bytes = Buffer.alloc(100);
        bytes.writeUInt32BE(next);
        socket.send(bytes);
      }
    }
    await sleep(PAUSE_MS);
  }
  for (const socket of sockets) socket.close();
}

if (import.meta.main) {
  const [role, address = '', port, flows, count] = process.argv.slice(2);
  if (role === 'send') await send(address, Number(port), Number(flows), Number(count));
  else receive(address, Number(port));
}
