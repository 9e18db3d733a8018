/** A flow from node A to node B that mostly does what coalescing hopes for, and now and then anything else. */
import { ipPacket, makePartial, put16, tcpSegment, udpDatagram } from './ip-packet.ts';
import { pod } from './overlay-node.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';

const ACK = 0x10;

export class RandomFlow {
  readonly isTcp: boolean;
  readonly #random: SeededRandom;
  readonly #isIpv4: boolean;
  readonly #port: number;
  #sequence: number;
  #identification: number;
  #payloadBytes: number;
  #acknowledgment = 77;
  #window = 0x2000;
  #flags = ACK;
  #trafficClass = 0;
  #timestamp = 1;
  #fragment = 0x4000;
  #timeToLive = 64;
  #idStep: number;
  #flowLabel = 0;
  readonly #hasOptions: boolean;

  constructor(random: SeededRandom, port: number) {
    this.#random = random;
    this.#port = port;
    this.isTcp = random.below(2) === 0;
    this.#isIpv4 = random.below(2) === 0;
    this.#hasOptions = random.below(2) === 0;
    // Near the ends of their ranges, so that they wrap.
    this.#sequence = 0xffff_ffff - random.below(20_000);
    this.#identification = 0xffff - random.below(20);
    this.#payloadBytes = 1 + random.below(300);
    this.#idStep = random.below(2);
    this.#fragment = random.below(3) === 0 ? 0 : 0x4000;
  }

  /** The next packet. `oddity` in 0 to 1: how often it is not what could be joined to the one before. */
  next(oddity: number): Uint8Array {
    const random = this.#random;
    let flags = this.#flags;
    let length = this.#payloadBytes;
    let options = 0;
    if (random.fraction() < oddity) {
      const kind = random.below(21);
      if (kind === 0) this.#sequence += 1 + random.below(1000);
      else if (kind === 1) this.#sequence -= length;
      else if (kind === 2) this.#acknowledgment++;
      else if (kind === 3) this.#window++;
      else if (kind === 4) this.#trafficClass = random.below(256);
      else if (kind === 5) this.#timestamp++;
      else if (kind === 6) this.#fragment ^= 0x4000;
      else if (kind === 7) this.#timeToLive--;
      else if (kind === 8) this.#identification += random.below(3);
      else if (kind === 9) this.#idStep = 1 - this.#idStep;
      else if (kind === 10) length = 0;
      else if (kind === 11) length = 1 + random.below(length);
      else if (kind === 12) length += 1 + random.below(30);
      else if (kind === 13) options = 4;
      else if (kind === 14) flags |= 1 << random.below(8);
      else if (kind === 15) flags |= 0x08;
      else if (kind === 16) flags = 1 << random.below(8);
      else if (kind === 17) this.#payloadBytes = 1 + random.below(300);
      else if (kind === 18) this.#flags ^= 0x40;
      else if (kind === 19) this.#flowLabel++;
      else return this.#make(flags, length, 0, random, true);
    }
    return this.#make(flags, length, options, random, false);
  }

  #make(flags: number, length: number, options: number, random: SeededRandom, isOdd: boolean): Uint8Array {
    const addresses = this.#isIpv4 ? { source: pod.a4, destination: pod.b4 } : { source: pod.a6, destination: pod.b6 };
    const payload = [...random.bytes(length)];
    const timestamp = this.#hasOptions ? [1, 1, 8, 10, 0, 0, 0, this.#timestamp & 0xff, 0, 0, 0, 2] : [];
    const transport = this.isTcp
      ? tcpSegment(this.#sequence >>> 0, flags, payload, timestamp)
      : udpDatagram(payload, this.#port);
    if (this.isTcp) {
      put(transport, 0, this.#port);
      put(transport, 10, this.#acknowledgment);
      put(transport, 14, this.#window);
    }
    const packet = ipPacket({
      ...addresses,
      protocol: this.isTcp ? 6 : 17,
      transport,
      identification: this.#identification & 0xffff,
      fragment: this.#fragment,
      trafficClass: this.#trafficClass,
      timeToLive: this.#timeToLive,
      ...(options > 0 && this.#isIpv4 ? { options: [1, 1, 1, 0] } : {}),
    });
    if (!this.#isIpv4) packet[3] = this.#flowLabel;
    this.#sequence += length;
    this.#identification += this.#idStep;
    if (random.below(3) === 0) makePartial(packet);
    else if (isOdd && !this.isTcp && this.#isIpv4) put16(packet, 26, 0);
    return packet;
  }
}

/** The packets of several flows, in one order that keeps each flow's. */
export function interleaved(
  random: SeededRandom,
  flows: readonly RandomFlow[],
  count: number,
  oddity: number,
): Uint8Array[] {
  return Array.from({ length: count }, () => flows[random.below(flows.length)]!.next(oddity));
}

function put(octets: number[], at: number, value: number): void {
  octets[at] = (value >>> 8) & 0xff;
  octets[at + 1] = value & 0xff;
}
