/** Traffic between the sides of a {@link DataplanePair}, and what its nodes say about it. */
import { fileURLToPath } from 'node:url';
import type { DataplanePair, DirectionStatus, NodeProcess, WorkerStatus } from './dataplane-pair.ts';
import type { ReceivedDatagrams } from './numbered-datagrams.ts';
import { until } from './until.ts';

/** Addresses of side 2. */
export const remote4 = '10.244.2.1';
export const remote6 = 'fd00:10:244:2::1';

const numberedDatagrams = fileURLToPath(new URL('numbered-datagrams.ts', import.meta.url));
const DATAGRAM_PORT = 7000;

export function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

/** Whether every packet is accounted for. */
export function isBalanced(account: DirectionStatus): boolean {
  const { received, originated, sent, delivered, relayed, dropped, queued } = account;
  return received + originated === sent + delivered + relayed + sum(dropped) + queued;
}

/** Account of the first worker of `node`. */
export async function accountOf(node: NodeProcess): Promise<WorkerStatus> {
  const { accounts } = await node.status();
  if (accounts?.[0] === undefined) throw new Error('node has no account');
  return accounts[0];
}

/** Five echoes from side 1. Rejects if none came back. */
export async function ping(pair: DataplanePair, address: string, lengthBytes = 56): Promise<string> {
  return pair.run(1, `ping -q -c 5 -i 0.05 -W 5 -s ${lengthBytes} ${address}`);
}

/** Sends from side 1 to side 2, as long or as much as `flags` say, and gives the bytes that arrived. */
export async function iperf(pair: DataplanePair, address: string, ...flags: (string | number)[]): Promise<number> {
  const server = pair.run(2, 'iperf3 --server --one-off');
  try {
    await listens(pair, 't', 5201);
    const command = ['iperf3', '--json', '--client', address, '--connect-timeout', 30_000, ...flags];
    const report = JSON.parse(await pair.run(1, command.join(' '))) as { end: { sum_received: { bytes: number } } };
    return report.end.sum_received.bytes;
  } finally {
    await server;
  }
}

/** Sends `count` numbered datagrams, joined to super-packets, from side 1 to side 2, and gives what became of them. */
export async function sendNumbered(pair: DataplanePair, family: 4 | 6, count: number): Promise<ReceivedDatagrams> {
  const [source, address] = family === 4 ? ['10.244.1.1', remote4] : ['fd00:10:244:1::1', remote6];
  const program = `${process.execPath} ${numberedDatagrams}`;
  const receiver = pair.run(2, `${program} receive ${address} ${DATAGRAM_PORT} ${count}`);
  await listens(pair, 'u', DATAGRAM_PORT);
  const endpoint = family === 4 ? `${address}:${DATAGRAM_PORT}` : `[${address}]:${DATAGRAM_PORT}`;
  await pair.run(1, `${program} send ${source} ${endpoint} ${count}`);
  return JSON.parse(await receiver) as ReceivedDatagrams;
}

/** Waits until a port of side 2 is open. */
export async function listens(pair: DataplanePair, protocol: 't' | 'u', port: number): Promise<void> {
  await until(`somebody listens on port ${port}`, async () => {
    return (await pair.run(2, `ss -Hln${protocol} sport = :${port}`)) !== '';
  });
}
