/** Ports of this machine that a test may name, for what binds them itself, later, or not at all. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what kernels give to whoever asks for any port, 32768 to 60999, and below node ports of Kubernetes, 30000 on: a port stays free until
 * somebody binds it by its number.
 */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 29_999];

/** Tries until it is given up: where as many ports are taken in a row, something else is wrong. */
const MAX_TRIES = 100;

/** What this process was given before, and may not have bound yet. */
const given = new Set<number>();

/** A port that nobody has, of UDP or of TCP, at any address of IPv4 or IPv6. Each call gives another one. @throws Error if there is none. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`${MAX_TRIES} ports from ${LOWEST_PORT} to ${HIGHEST_PORT} were taken`);
}

async function isFree(port: number): Promise<boolean> {
  // `::` stands for all addresses, those of IPv4 too: somebody who has the port at one of them is enough.
  const udp = createSocket('udp6');
  const tcp = createServer();
  try {
    udp.bind(port, '::');
    await once(udp, 'listening');
    tcp.listen(port, '::');
    await once(tcp, 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    await new Promise<void>((resolve) => udp.close(resolve));
    await new Promise((resolve) => tcp.close(resolve));
  }
}
