/** Servers in pods of a lab that say who they are, and who asks; and who asks them. */
import type { TestLab } from './test-lab.ts';

/** At which they listen, by TCP and UDP. */
export const NAMING_PORT = 8080;

const program = `
const net = require('node:net'), dgram = require('node:dgram');
net.createServer((socket) => socket.end(process.argv[1] + ' ' + socket.remoteAddress.replace('::ffff:', '') + '\\n')).listen(${NAMING_PORT}, '::');
const datagrams = dgram.createSocket('udp6');
datagrams.on('message', (_, from) => datagrams.send(process.argv[1], from.port, from.address));
datagrams.bind(${NAMING_PORT});
`;

/** Starts one in a pod, as `n1-p1`: that is its name. */
export async function serveName(lab: TestLab, place: string): Promise<void> {
  await lab.serve(place, NAMING_PORT, process.execPath, '-e', program, place);
}

/** What a server says to a connection, `NAME CLIENT`; empty: none is had. */
export async function call(lab: TestLab, place: string, address: string, port: number): Promise<string> {
  const to = address.includes(':') ? `TCP6:[${address}]:${port}` : `TCP4:${address}:${port}`;
  const { stdout } = await lab.tryExec(place, 'socat', '-T2', '-', `${to},connect-timeout=2`);
  return stdout.trim();
}

/** Why a connection cannot be had, in the words of socat. */
export async function refusal(lab: TestLab, place: string, address: string, port: number): Promise<string> {
  const { stderr } = await lab.tryExec(place, 'socat', '-T2', '-', `TCP4:${address}:${port},connect-timeout=5`);
  return /(?:refused|timed out|No route to host|unreachable)/.exec(stderr)?.[0] ?? stderr;
}
