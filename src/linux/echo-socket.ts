/**
 * ICMP echo through the package `raw-socket`, which is not on every machine: it needs a compiler when it is installed. For the
 * main thread only, as it crashes in others.
 */
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { RequirementError } from '../errors.ts';
import { ICMP_HEADER_LENGTH } from '../wire/icmp.ts';
import { encodeEchoRequest, type EchoAnswer, readEchoAnswer } from '../wire/icmp-echo.ts';
import { IPV4_MIN_HEADER_LENGTH, readIpv4HeaderLength } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { Abi } from './kernel-abi.ts';

/** What became of a request. */
export type EchoOutcome =
  | { readonly kind: 'reply'; readonly roundTripMs: number }
  /** Somebody on the way says that it went no further. */
  | { readonly kind: 'error'; readonly from: string; readonly error: NonNullable<EchoAnswer['error']> }
  /** This node's own kernel did not send it. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'lost' };

/** What of `raw-socket` is used here. */
interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    beforeCallback: () => void,
    afterCallback: (error: Error | null) => void,
  ): void;
  on(event: 'message', listener: (message: Buffer, source: string) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  close(): void;
}
interface RawSocketPackage {
  createSocket(options: { protocol: number; addressFamily: number }): RawSocket;
  readonly Protocol: { readonly ICMP: number; readonly ICMPv6: number };
  readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
}

interface Pending {
  sentMs: number;
  readonly settle: (outcome: EchoOutcome) => void;
}

/** Shortest request, IP header included, in bytes. */
export const MIN_ECHO_BYTES: Readonly<Record<4 | 6, number>> = {
  4: IPV4_MIN_HEADER_LENGTH + ICMP_HEADER_LENGTH,
  6: IPV6_HEADER_LENGTH + ICMP_HEADER_LENGTH,
};

/** Sends requests from whatever address the kernel chooses, never fragmented, and hears of them. */
export class EchoSocket {
  readonly #family: 4 | 6;
  readonly #socket: RawSocket;
  readonly #identifier = randomInt(0x1_00_00);
  readonly #pending = new Map<number, Pending>();
  #sequence = randomInt(0x1_00_00);

  /** @throws RequirementError `raw-socket-missing`, `privilege-missing` */
  constructor(family: 4 | 6) {
    const raw = loadPackage();
    const { Protocol, AddressFamily } = raw;
    const options =
      family === 4
        ? { protocol: Protocol.ICMP, addressFamily: AddressFamily.IPv4 }
        : { protocol: Protocol.ICMPv6, addressFamily: AddressFamily.IPv6 };
    try {
      this.#socket = raw.createSocket(options);
    } catch (error) {
      const why = 'cannot send ICMP echoes: the capability NET_RAW is missing';
      throw new RequirementError('privilege-missing', why, { capability: 'NET_RAW' }, error);
    }
    this.#family = family;
    // As for all datagrams of the underlay: Don't Fragment, and no belief about the path.
    if (family === 4) this.#socket.setOption(Abi.IPPROTO_IP, Abi.IP_MTU_DISCOVER, Abi.IP_PMTUDISC_PROBE);
    else this.#socket.setOption(Abi.IPPROTO_IPV6, Abi.IPV6_MTU_DISCOVER, Abi.IPV6_PMTUDISC_PROBE);
    this.#socket.on('message', (message, source) => this.#take(message, source));
    this.#socket.on('error', () => undefined);
  }

  /** Whether somebody waits for an answer. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /**
   * Sends a request, and waits for what becomes of it.
   *
   * @param lengthBytes of the IP packet, {@link MIN_ECHO_BYTES} at least.
   */
  async echo(address: string, lengthBytes: number, timeoutMs: number): Promise<EchoOutcome> {
    const sequence = (this.#sequence = (this.#sequence + 1) & 0xff_ff);
    const headerBytes = this.#family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const request = Buffer.alloc(lengthBytes - headerBytes);
    encodeEchoRequest(this.#family, this.#identifier, sequence, request.length, request, 0);
    return await new Promise((resolve) => {
      const timer = setTimeout(() => pending.settle({ kind: 'lost' }), timeoutMs);
      const pending: Pending = {
        sentMs: performance.now(),
        settle: (outcome) => {
          clearTimeout(timer);
          if (this.#pending.get(sequence) === pending) this.#pending.delete(sequence);
          resolve(outcome);
        },
      };
      this.#pending.set(sequence, pending);
      this.#socket.send(
        request,
        0,
        request.length,
        address,
        () => (pending.sentMs = performance.now()),
        (error) => error === null || pending.settle({ kind: 'refused', message: error.message }),
      );
    });
  }

  /** Hears of nothing any more: who still waits is told that the answer was lost. */
  close(): void {
    for (const pending of this.#pending.values()) pending.settle({ kind: 'lost' });
    this.#socket.close();
  }

  #take(message: Buffer, source: string): void {
    // An IPv4 socket gives the IP header as well.
    const at = this.#family === 4 ? readIpv4HeaderLength(message, 0) : 0;
    const answer = readEchoAnswer(this.#family, this.#identifier, message, at);
    const pending = answer && this.#pending.get(answer.sequence);
    if (answer === undefined || pending === undefined) return;
    if (answer.error === undefined) pending.settle({ kind: 'reply', roundTripMs: performance.now() - pending.sentMs });
    else pending.settle({ kind: 'error', from: source, error: answer.error });
  }
}

function loadPackage(): RawSocketPackage {
  try {
    return createRequire(import.meta.url)('raw-socket') as RawSocketPackage;
  } catch (error) {
    const how = 'install weft where a C++ compiler, make and python3 are';
    throw new RequirementError('raw-socket-missing', `the package raw-socket is not built here: ${how}`, {}, error);
  }
}
