/**
 * A program for the inside of a pod: frames as a hostile pod sends them, and what arrives of them.
 *
 *     send DEVICE FRAME...          sends each frame, in hexadecimal, through a packet socket
 *     flood DEVICE FRAME            sends the frame from the moment on at which the device is up, until it is ended
 *     listen PORT                   prints SOURCE TEXT for each UDP datagram, until it is ended
 */
import { createSocket } from 'node:dgram';
import { lastErrnoName } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SIOCGIFINDEX = 0x8933;

/** Made when it is first needed. */
let socket = -1;

const [verb, ...args] = process.argv.slice(2);
if (verb === 'listen') listen(Number(args[0]));
if (verb === 'send') for (const frame of args.slice(1)) send(args[0]!, frame);
if (verb === 'flood') flood(args[0]!, args[1]!);

function listen(port: number): void {
  // On ::, which takes IPv4 as well.
  const socket = createSocket('udp6').bind(port);
  socket.on('message', (bytes, from) => console.log(`${from.address.replace('::ffff:', '')} ${bytes.toString()}`));
}

function send(device: string, frame: string): void {
  const errno = trySend(device, frame);
  if (errno !== '') throw new Error(`sendto: ${errno}`);
}

function flood(device: string, frame: string): never {
  console.log('waiting');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 1; ; tries++) {
    trySend(device, frame);
    // Others want the processor, too.
    if (tries % 50 === 0) Atomics.wait(pause, 0, 0, 1);
  }
}

/** @returns name of the error, or nothing. */
function trySend(device: string, frame: string): string {
  if (socket === -1) socket = libc.socket(AF_PACKET, SOCK_RAW, 0);
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode(device));
  if (libc.ioctlBytes(socket, SIOCGIFINDEX, request) === -1) return lastErrnoName();
  const bytes = Uint8Array.from(Buffer.from(frame, 'hex'));
  // sockaddr_ll: family, protocol, index, hardware type, packet type, length and bytes of the address.
  const address = new Uint8Array(20);
  address.set([AF_PACKET, 0], 0);
  address.set(request.subarray(16, 20), 4);
  return libc.sendto(socket, bytes, bytes.length, 0, address, address.length) === -1 ? lastErrnoName() : '';
}
