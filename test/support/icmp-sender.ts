/**
 * A program that sends one ICMP or ICMPv6 message of any type, as somebody with a raw socket may.
 *
 *     icmp-sender.ts SOURCE DESTINATION TYPE CODE
 *
 * Behind its header is what an error would quote: the IP header of a packet back.
 */
import { sendRawPacket } from '../../src/linux/raw-packet.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { ipPacket } from './ip-packet.ts';

const [source, destination] = process.argv.slice(2, 4).map((text) => parseIpAddress(text)!);
const [type, code] = process.argv.slice(4).map(Number);
const protocol = source!.family === 4 ? 1 : 58;
const quoted = ipPacket({
  source: [...destination!.bytes],
  destination: [...source!.bytes],
  protocol: 17,
  transport: [0x12, 0xb5, 0x12, 0xb5, 0, 8, 0, 0],
});
const packet = ipPacket({
  source: [...source!.bytes],
  destination: [...destination!.bytes],
  protocol,
  transport: [type!, code!, 0, 0, 0, 0, 2, 0x40, ...quoted],
  timeToLive: 255,
});
sendRawPacket(packet, destination!);
