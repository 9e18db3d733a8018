/**
 * One question to one resolver, over UDP or TCP: a socket of its own, so that its port is as random as its id, and whoever guesses has to
 * guess both (RFC 5452, section 9.2). The kernel lets in nothing but what comes from the server.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { hostOf, type NameServerAddress } from '../../names/resolver-configuration.ts';
import { answers, type DnsQuery, MAX_MESSAGE_BYTES, withId } from './dns-message.ts';

/** Who hears of it: once of one of them, unless it is closed before. */
export interface UpstreamListener {
  readonly answered: (answer: Uint8Array) => void;
  /** Nobody is there, or cannot be asked from here. */
  readonly failed: () => void;
}

/** A question that is under way. */
export interface UpstreamSocket {
  close(): void;
}

/** Ids have 16 bits. */
const IDS = 0x1_0000;

/** Asks over UDP. What is no answer to the question is passed over: the right one may still come. */
export function askOverUdp(
  query: DnsQuery,
  server: NameServerAddress,
  { answered, failed }: UpstreamListener,
): UpstreamSocket {
  const id = randomInt(IDS);
  const socket = createSocket(server.address.family === 4 ? 'udp4' : 'udp6');
  let isOpen = true;
  const end = (tell: () => void): void => {
    if (!isOpen) return;
    isOpen = false;
    socket.close();
    tell();
  };
  socket.on('error', () => end(failed));
  socket.on('message', (bytes) => {
    if (answers(bytes, query, id)) end(() => answered(bytes));
  });
  socket.on('connect', () => {
    if (isOpen) socket.send(withId(query.bytes, id), (error) => error && end(failed));
  });
  try {
    socket.connect(server.port, hostOf(server));
  } catch {
    queueMicrotask(() => end(failed));
  }
  return { close: () => end(() => undefined) };
}

/** Asks over TCP: the message with its length before it (RFC 1035, section 4.2.2). */
export function askOverTcp(
  query: DnsQuery,
  server: NameServerAddress,
  { answered, failed }: UpstreamListener,
): UpstreamSocket {
  const id = randomInt(IDS);
  const socket = connect({ host: hostOf(server), port: server.port });
  const received: Uint8Array[] = [];
  let receivedBytes = 0;
  let isOpen = true;
  const end = (tell: () => void): void => {
    if (!isOpen) return;
    isOpen = false;
    socket.destroy();
    tell();
  };
  socket.on('error', () => end(failed));
  socket.on('close', () => end(failed));
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk);
    receivedBytes += chunk.length;
    if (receivedBytes < 2) return;
    const stream = Buffer.concat(received);
    const lengthBytes = stream.readUInt16BE(0);
    if (stream.length < 2 + lengthBytes) {
      received.splice(0, received.length, stream);
      return;
    }
    const message = stream.subarray(2, 2 + lengthBytes);
    end(answers(message, query, id) ? () => answered(message) : failed);
  });
  socket.write(framed(withId(query.bytes, id)));
  return { close: () => end(() => undefined) };
}

/** A message as it is on TCP. */
export function framed(message: Uint8Array): Uint8Array {
  if (message.length > MAX_MESSAGE_BYTES) throw new RangeError(`a message of ${message.length} bytes`);
  const bytes = new Uint8Array(2 + message.length);
  bytes[0] = message.length >> 8;
  bytes[1] = message.length & 0xff;
  bytes.set(message, 2);
  return bytes;
}
