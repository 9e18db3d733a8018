/**
 * A program that sends VXLAN from where no node is, to a node that is to take it for that of a peer.
 *
 *     vxlan-injector.ts TO MAC SOURCE DESTINATION COUNT [BYTES] [FROM]
 *
 * To the endpoint TO of a node with this MAC address; inside is UDP from the pod address SOURCE to DESTINATION, port 9999, with
 * so many bytes of payload: 8, or more than fit into one packet. FROM is the address to send from, with or without a port.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { formatIpAddress, parseEndpoint, parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import { ipPacket } from './ip-packet.ts';

const [to = '', mac = '', source = '', destination = '', count = '1', bytes = '8', from] = process.argv.slice(2);
const target = parseEndpoint(to)!;
const payload = Array.from({ length: Number(bytes) }, () => 0x2a);
const udpBytes = 8 + payload.length;
const inner = ipPacket({
  source: [...parseIpAddress(source)!.bytes],
  destination: [...parseIpAddress(destination)!.bytes],
  protocol: 17,
  // Without DF: a large one is fragmented again on its way to the pod.
  fragment: 0,
  transport: [0x12, 0x34, 0x27, 0x0f, udpBytes >> 8, udpBytes & 0xff, 0, 0, ...payload],
});
const vxlan = [0x08, 0, 0, 0, 0, 0, 42, 0];
const ethernet = [...parseMacAddress(mac)!, 0x02, 0, 0, 0, 0, 0x99, 0x08, 0];
const datagram = Uint8Array.from([...vxlan, ...ethernet, ...inner]);

const socket = createSocket(target.address.family === 4 ? 'udp4' : 'udp6');
const own = from === undefined ? undefined : parseEndpoint(from, 0);
if (own === undefined) socket.bind();
else socket.bind(own.port, formatIpAddress(own.address));
await once(socket, 'listening');
for (let sent = 0; sent < Number(count); sent++) {
  await new Promise((resolve, reject) =>
    socket.send(datagram, target.port, formatIpAddress(target.address), (error) =>
      error === null ? resolve(undefined) : reject(error),
    ),
  );
}
socket.close();
