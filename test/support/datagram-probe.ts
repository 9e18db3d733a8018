/**
 * A program for the inside of a pod: UDP datagrams, looked at byte by byte.
 *
 *     echo PORT                            sends back whatever comes, until it is ended
 *     exchange ADDRESS PORT COUNT BYTES    sends random datagrams, one after the other, and prints how many came back as they were
 *     error ADDRESS PORT                   sends one, and prints the name of the error that came back
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** Far above any round trip in a lab, also on a busy machine; what takes longer was lost. */
const ANSWER_TIMEOUT_MS = 10_000;

const [verb, ...args] = process.argv.slice(2);
if (verb === 'echo') echo(Number(args[0]));
if (verb === 'exchange') console.log(await exchange(args[0]!, Number(args[1]), Number(args[2]), Number(args[3])));
if (verb === 'error') console.log(await errorOf(args[0]!, Number(args[1])));

function echo(port: number): void {
  // On ::, which takes IPv4 as well.
  const socket = createSocket('udp6').bind(port);
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
}

async function exchange(address: string, port: number, count: number, lengthBytes: number): Promise<number> {
  const socket = await connected(address, port);
  let intact = 0;
  for (let sent = 0; sent < count; sent++) {
    const bytes = randomBytes(lengthBytes);
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    socket.send(bytes);
    try {
      const [echoed] = (await answer) as [Buffer];
      if (echoed.equals(bytes)) intact++;
    } catch {
      // Lost; the count tells.
    }
  }
  socket.close();
  return intact;
}

async function errorOf(address: string, port: number): Promise<string> {
  const socket = await connected(address, port);
  const failure = once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  socket.send('anybody there?');
  try {
    await failure;
    return 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'none';
  } finally {
    socket.close();
  }
}

async function connected(address: string, port: number): Promise<Socket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  return socket;
}
