/**
 * Sockets at one address where names are asked for: UDP and TCP, port 53.
 *
 * On TCP a client has one question under way at a time; it may send more, which waits in its own kernel. Who is silent, or does not take
 * its answers, is let go (RFC 7766, section 6).
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { FairShares } from '../../names/fair-shares.ts';
import { DNS_PORT } from '../../names/resolver-configuration.ts';
import { parseIpAddress } from '../../wire/address.ts';
import type { Askers } from '../../names/askers.ts';
import type { NameCounters } from './name-counters.ts';
import type { NameService } from './name-service.ts';
import { MAX_QUERY_BYTES } from './dns-message.ts';
import { framed } from './upstream-socket.ts';

/** Where to listen. */
export interface NameAddress {
  /** As a socket takes it: `169.254.1.1`, `fe80::1%wf1a2b3c4d`. */
  readonly host: string;
  /** The pod that alone can ask there, and may do so from its link-local address. */
  readonly device?: string;
}

/** Why there is no socket at an address. */
export interface NameAddressFailure {
  readonly host: string;
  readonly protocol: 'udp' | 'tcp';
  /** Name of the error: `EADDRINUSE`. */
  readonly code: string;
}

export interface NameListenerOptions {
  readonly service: Pick<NameService, 'handle'>;
  readonly askers: Pick<Askers, 'find'>;
  readonly counters: NameCounters;
  /** Of connections. */
  readonly shares: FairShares;
  /** Absent: the one of DNS. */
  readonly port?: number;
}

/** Datagrams that wait for the thread, in bytes of the kernel's memory: some 500 questions. */
const RECEIVE_BUFFER_BYTES = 425_984;

/** How long a client may be silent on TCP, in ms, and how long a connection may last in all. */
const IDLE_MS = 5_000;
const LIFETIME_MS = 60_000;

/** What is read of a connection before the questions in it are answered, in bytes. */
const READ_BYTES = 8_192;

/** Connections that wait to be accepted. */
const BACKLOG = 32;

export class NameListener {
  readonly #options: NameListenerOptions;
  readonly #address: NameAddress;
  #udp: DatagramSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();
  #isClosed = false;

  constructor(address: NameAddress, options: NameListenerOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Whether both sockets are open. */
  get isOpen(): boolean {
    return this.#udp !== undefined && this.#tcp !== undefined;
  }

  /** Opens what is not open yet. @returns what could not be. */
  async open(): Promise<NameAddressFailure[]> {
    const outcomes = await Promise.all([this.#openUdp(), this.#openTcp()]);
    return outcomes.filter((outcome) => outcome !== undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#udp?.close();
    this.#tcp?.close();
    for (const connection of this.#connections) connection.destroy();
    [this.#udp, this.#tcp] = [undefined, undefined];
  }

  async #openUdp(): Promise<NameAddressFailure | undefined> {
    if (this.#udp !== undefined) return undefined;
    const { host } = this.#address;
    const isIpv6 = host.includes(':');
    const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 });
    const failure = await bound(socket, (done) =>
      socket.bind({ address: host, port: this.#port, exclusive: true }, done),
    );
    if (failure !== undefined) return { host, protocol: 'udp', code: failure };
    if (this.#isClosed) return void socket.close();
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    // An error of one answer, such as to a pod that is gone, is nobody else's.
    socket.on('error', () => undefined);
    socket.on('message', (bytes, { address, port }) => {
      this.#options.service.handle(bytes, this.#askerAt(address), 'udp', (reply) => {
        if (reply !== undefined && this.#udp === socket) socket.send(reply, port, address, () => undefined);
      });
    });
    this.#udp = socket;
    return undefined;
  }

  async #openTcp(): Promise<NameAddressFailure | undefined> {
    if (this.#tcp !== undefined) return undefined;
    const { host } = this.#address;
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: READ_BYTES }, (client) =>
      this.#admit(client),
    );
    const failure = await bound(server, (done) =>
      server.listen({ host, port: this.#port, backlog: BACKLOG, ipv6Only: host.includes(':'), exclusive: true }, done),
    );
    if (failure !== undefined) return { host, protocol: 'tcp', code: failure };
    if (this.#isClosed) return void server.close();
    // For want of descriptors: the next connection may find one.
    server.on('error', () => undefined);
    this.#tcp = server;
    return undefined;
  }

  get #port(): number {
    return this.#options.port ?? DNS_PORT;
  }

  /** Who asks from there. What comes by the socket of one pod's device comes from that pod, whatever address it is from. */
  #askerAt(source: string): string | undefined {
    const { device } = this.#address;
    if (device !== undefined) return device;
    const address = parseIpAddress(source);
    return address && this.#options.askers.find(address);
  }

  #admit(client: Socket): void {
    const { counters, shares } = this.#options;
    client.on('error', () => undefined);
    const asker = this.#askerAt(client.remoteAddress ?? '');
    if (asker === undefined || !shares.take(asker)) {
      counters.other('turnedAway');
      client.destroy();
      return;
    }
    this.#connections.add(client);
    client.setTimeout(IDLE_MS, () => client.destroy());
    const lifetime = setTimeout(() => client.destroy(), LIFETIME_MS);
    client.on('close', () => {
      clearTimeout(lifetime);
      this.#connections.delete(client);
      shares.release(asker);
    });
    void this.#serve(client, asker);
  }

  /** Reads a question, answers it, and reads the next one. */
  async #serve(client: Socket, asker: string): Promise<void> {
    try {
      let pending = Buffer.alloc(0);
      for await (const chunk of client) {
        pending = Buffer.concat([pending, chunk as Buffer]);
        while (pending.length >= 2) {
          const lengthBytes = pending.readUInt16BE(0);
          if (lengthBytes > MAX_QUERY_BYTES) return void client.destroy();
          if (pending.length < 2 + lengthBytes) break;
          const reply = await this.#reply(pending.subarray(2, 2 + lengthBytes), asker);
          pending = pending.subarray(2 + lengthBytes);
          if (reply === undefined || !(await written(client, framed(reply)))) return void client.destroy();
        }
      }
      client.end();
    } catch {
      // It is gone.
      client.destroy();
    }
  }

  async #reply(question: Uint8Array, asker: string): Promise<Uint8Array | undefined> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#options.service.handle(question, asker, 'tcp', resolve);
    return await promise;
  }
}

/** @returns whether it could be written: the kernel has taken it. */
async function written(client: Socket, bytes: Uint8Array): Promise<boolean> {
  return await new Promise((resolve) => client.write(bytes, (error) => resolve(!error)));
}

/** @returns name of the error that binding failed with, and then it is closed. */
async function bound(socket: DatagramSocket | Server, bind: (done: () => void) => void): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const fail = (error: NodeJS.ErrnoException): void => {
    socket.close();
    resolve(error.code ?? 'EIO');
  };
  socket.once('error', fail);
  try {
    bind(() => {
      socket.removeListener('error', fail);
      resolve(undefined);
    });
  } catch (error) {
    resolve((error as NodeJS.ErrnoException).code ?? 'EIO');
  }
  return await promise;
}
