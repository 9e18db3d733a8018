/** A resolver on loopback that answers as a test says, over UDP and TCP of one port. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import type { NameServerAddress } from '../../src/names/resolver-configuration.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { freePort } from './free-port.ts';

/** What to answer: a message, made of the question; nothing; or these bytes. */
export type FakeAnswer = Partial<Packet> | Uint8Array | 'nothing';

export interface FakeResolver extends AsyncDisposable {
  readonly server: NameServerAddress;
  /** What came, `udp` or `tcp`, the id, and the port that it came from. */
  readonly asked: { readonly transport: 'udp' | 'tcp'; readonly id: number; readonly port: number }[];
}

/** Starts it. */
export async function fakeResolver(
  answer: (question: DecodedPacket, transport: 'udp' | 'tcp') => FakeAnswer,
): Promise<FakeResolver> {
  const asked: FakeResolver['asked'] = [];
  const udp = createSocket('udp4');
  const tcp = createServer();
  const reply = (bytes: Buffer, transport: 'udp' | 'tcp', port: number): Uint8Array | undefined => {
    const question = decode(bytes);
    asked.push({ transport, id: question.id ?? 0, port });
    const said = answer(question, transport);
    if (said === 'nothing') return undefined;
    if (said instanceof Uint8Array) return said;
    const { id, questions } = question;
    return encode({ type: 'response', ...(id !== undefined && { id }), ...(questions && { questions }), ...said });
  };
  udp.on('message', (bytes, { address, port }) => {
    const said = reply(bytes, 'udp', port);
    if (said !== undefined) udp.send(said, port, address);
  });
  tcp.on('connection', (client) => {
    client.on('error', () => undefined);
    client.on('data', (stream: Buffer) => {
      const said = reply(stream.subarray(2), 'tcp', client.remotePort ?? 0);
      if (said === undefined) return;
      // In two parts, the first shorter than the length.
      const framed = Buffer.concat([Buffer.of(said.length >> 8, said.length & 0xff), said]);
      client.write(framed.subarray(0, 1));
      setImmediate(() => client.write(framed.subarray(1)));
    });
  });
  const port = await freePort();
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  tcp.listen(port, '127.0.0.1');
  await once(tcp, 'listening');
  return {
    server: { address: parseIpAddress('127.0.0.1')!, zone: '', port },
    asked,
    [Symbol.asyncDispose]: async () => {
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}
