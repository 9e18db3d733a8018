/** Messages of DNS for tests, made and read by the codec itself. */
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';

/** A question as a client sends it. */
export function dnsQuestion(name: string, type: string, more: Partial<Packet> = {}): Uint8Array {
  return encode({
    type: 'query',
    id: 0x1234,
    flags: 0x0100,
    questions: [{ name, type: type as 'A', class: 'IN' }],
    ...more,
  });
}

/** EDNS as a client says it. */
export function dnsEdns(payloadBytes: number, version = 0): Packet['additionals'] {
  return [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize: payloadBytes,
      extendedRcode: 0,
      ednsVersion: version,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ];
}

/** Reads a message. */
export function readDns(bytes: Uint8Array): DecodedPacket & { readonly rcode: string } {
  return decode(Buffer.from(bytes)) as DecodedPacket & { readonly rcode: string };
}
