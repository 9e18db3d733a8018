/** `cap` and `raw-socket` do one real thing each, in a process of their own: they crash in worker threads. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);

const captureOnLoopback = `
const { createSocket } = require('node:dgram');
const { Cap } = require('cap');
const capture = new Cap();
// The buffer must stay referenced for as long as the capture runs.
const buffer = Buffer.alloc(65536);
const linkType = capture.open('lo', 'udp and dst port 9', 1 << 20, buffer);
capture.on('packet', (lengthBytes) => {
  console.log(JSON.stringify({ linkType, found: buffer.subarray(0, lengthBytes).includes('seen by cap') }));
  clearInterval(timer);
  capture.close();
  socket.close();
});
const socket = createSocket('udp4');
const timer = setInterval(() => socket.send('seen by cap', 9, '127.0.0.1'), 50);
`;

const pingLoopback = `
const raw = require('raw-socket');
const socket = raw.createSocket({ protocol: raw.Protocol.ICMP });
const request = Buffer.from('0800000012340001' + Buffer.from('weft').toString('hex'), 'hex');
raw.writeChecksum(request, 2, raw.createChecksum(request));
socket.on('message', (packet) => {
  const at = (packet[0] & 0x0f) * 4;
  if (packet[at] !== 0 || packet.readUInt16BE(at + 4) !== 0x1234) return;
  console.log(JSON.stringify({ payload: packet.subarray(at + 8).toString() }));
  socket.close();
});
socket.send(request, 0, request.length, '127.0.0.1', (error) => {
  if (error) throw error;
});
`;

test('cap sees a packet on loopback', async (t) => {
  t.deepEqual(await runScript(captureOnLoopback), { linkType: 'ETHERNET', found: true });
});

test('raw-socket gets an answer to an ICMP echo', async (t) => {
  t.deepEqual(await runScript(pingLoopback), { payload: 'weft' });
});

/** What a CommonJS script prints, as JSON. */
async function runScript(script: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '--eval', script], {
    cwd: join(import.meta.dirname, '..', '..'),
    timeout: 90_000,
  });
  return JSON.parse(stdout);
}
