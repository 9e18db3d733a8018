/** Sends UDP datagrams of 1300 bytes as fast as it can: `udp-flood.ts FROM TO:PORT COUNT`. */
import { BurstSender } from './burst-sender.ts';

const PAYLOAD_BYTES = 1_300;

const [, , from = '', to = '', count = '0'] = process.argv;
const sender = new BurstSender(from, to, false);
const payload = new Uint8Array(PAYLOAD_BYTES);

for (let pushed = 0; pushed < Number(count); pushed++) sender.push(payload);
sender.flush();
