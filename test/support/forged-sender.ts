/**
 * A program that sends VXLAN whose inner packets come from an address that is not its node's.
 *
 *     forged-sender.ts FROM TO MAC        from the underlay address FROM to the node at TO with this MAC address
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { ipPacket } from './ip-packet.ts';

/** More than a check needs to be sure. */
const PACKETS = 20;

const [from = '', to = '', mac = ''] = process.argv.slice(2);
const octets = mac.split(':').map((octet) => Number.parseInt(octet, 16));
const inner = ipPacket({
  source: [10, 244, 2, 200],
  destination: [10, 244, 1, 2],
  protocol: 17,
  transport: [0x12, 0x34, 0x56, 0x78, 0, 12, 0, 0, 1, 2, 3, 4],
});
const vxlan = [0x08, 0, 0, 0, 0, 0, 42, 0];
const ethernet = [...octets, 0x02, 0, 0, 0, 0, 0x99, 0x08, 0];
const socket = createSocket('udp4');
socket.bind(0, from);
await once(socket, 'listening');
for (let sent = 0; sent < PACKETS; sent++) {
  await new Promise((resolve) => socket.send(Uint8Array.from([...vxlan, ...ethernet, ...inner]), 4_789, to, resolve));
}
socket.close();
