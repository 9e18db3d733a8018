/** The two sockets of a gossip endpoint, bound or not at all. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { SystemCallError, WeftError } from '../errors.ts';
import { formatEndpoint, formatIpAddress, type Endpoint } from '../wire/address.ts';

/**
 * A bound socket of either kind.
 *
 * @throws WeftError `port-in-use`, its details with `protocol` (`udp` or `tcp`), `address` and `port`
 * @throws SystemCallError if binding fails otherwise
 */
export async function bindGossipSockets(endpoint: Endpoint): Promise<{ udp: UdpSocket; tcp: Server }> {
  const address = formatIpAddress(endpoint.address);
  const { port } = endpoint;
  const ipv6Only = endpoint.address.family === 6;
  const udp = createSocket({ type: ipv6Only ? 'udp6' : 'udp4', ipv6Only });
  const tcp = createServer();
  try {
    await bound(udp, endpoint, 'udp', (done) => udp.bind({ address, port, exclusive: true }, done));
    await bound(tcp, endpoint, 'tcp', (done) => tcp.listen({ host: address, port, ipv6Only, exclusive: true }, done));
  } catch (error) {
    udp.close();
    tcp.close();
    throw error;
  }
  return { udp, tcp };
}

async function bound(
  socket: UdpSocket | Server,
  endpoint: Endpoint,
  protocol: 'udp' | 'tcp',
  bind: (done: () => void) => void,
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      bind(() => {
        socket.removeListener('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const { code = 'unknown', syscall = 'bind' } = error as NodeJS.ErrnoException;
    const details = { protocol, address: formatIpAddress(endpoint.address), port: endpoint.port };
    if (code === 'EADDRINUSE') {
      const message = `gossip endpoint ${formatEndpoint(endpoint)} (${protocol}) is in use`;
      throw new WeftError('port-in-use', message, details, error);
    }
    throw new SystemCallError(syscall, code, `listen for gossip on ${formatEndpoint(endpoint)} (${protocol})`, details);
  }
}
