/**
 * Talks as it is told by lines of its input, and says what it hears:
 *
 *     listen PORT            takes connections of TCP          listening; accepted; heard TEXT
 *     connect ADDRESS PORT   one connection                    connected; heard TEXT
 *     say TEXT               on the last connection
 *     bind PORT              datagrams of UDP                  bound; received TEXT
 *     send ADDRESS PORT TEXT a datagram from that port
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

let connection: Socket | undefined;
let datagrams: DatagramSocket | undefined;

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

function talkOn(socket: Socket, how: string): void {
  connection = socket;
  socket.on('data', (bytes) => tell(`heard ${bytes.toString()}`));
  socket.on('error', (error) => tell(`failed ${error.message}`));
  tell(how);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, ...words] = line.split(' ');
  const [first = '', second = '', third = ''] = words;
  if (verb === 'listen')
    createServer((socket) => talkOn(socket, 'accepted')).listen(Number(first), () => tell('listening'));
  if (verb === 'connect') {
    const socket = connect({ host: first, port: Number(second) });
    socket.once('connect', () => talkOn(socket, 'connected'));
  }
  if (verb === 'say') connection!.write(first);
  if (verb === 'bind') {
    datagrams = createSocket('udp6');
    datagrams.on('message', (bytes) => tell(`received ${bytes.toString()}`));
    datagrams.bind(Number(first), () => tell('bound'));
  }
  if (verb === 'send') datagrams!.send(third, Number(second), first);
});
