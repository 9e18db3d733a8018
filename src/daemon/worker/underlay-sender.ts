/** How a worker sends a batch through its sockets on the underlay: whole datagrams, and those whose outer packet is fragmented. */
import type { TransmitBatch } from '../../dataplane/transmit-batch.ts';
import { DatagramSender, type TransmitOutcome } from '../../linux/datagram-sender.ts';
import { FragmentSender } from '../../linux/fragment-sender.ts';
import type { MappedMemory } from '../../linux/mapped-memory.ts';
import type { PeerAddresses, PeerEndpoints } from '../../linux/peer-addresses.ts';
import type { UnderlaySockets } from './worker-descriptors.ts';

export interface UnderlaySenderOptions {
  readonly memory: MappedMemory;
  readonly batch: TransmitBatch;
  readonly addresses: PeerAddresses;
  readonly endpoints: PeerEndpoints;
  readonly underlay: UnderlaySockets;
  /** A raw socket for outer fragments; -1 if there are to be none. */
  readonly fragmentFd: number;
  /** Hop limit (TTL) of the outer header; the kernel's, if there is none. */
  readonly hopLimit?: number;
  readonly outcome: TransmitOutcome;
  /** Called before the batch is sent. May take out of it what is not to be sent. */
  readonly withhold?: (() => void) | undefined;
}

/** Sends one batch, again and again. Belongs to the worker that owns the memory; several may use the same sockets. */
export class UnderlaySender {
  readonly #datagrams: DatagramSender;
  readonly #fragments: FragmentSender;
  readonly #withhold: (() => void) | undefined;

  /** Bytes of mapped memory that it takes. */
  static memoryBytes(batch: TransmitBatch): number {
    return DatagramSender.memoryBytes(batch) + FragmentSender.memoryBytes;
  }

  constructor(options: UnderlaySenderOptions) {
    const { underlay, fragmentFd, withhold, ...common } = options;
    this.#withhold = withhold;
    const { address, sending } = underlay;
    this.#fragments = new FragmentSender({
      ...common,
      fd: fragmentFd,
      underlayAddress: address,
      sourcePorts: sending.map(({ port }) => port),
    });
    this.#datagrams = new DatagramSender({
      ...common,
      fds: sending.map(({ fd }) => fd),
      segmentation: sending.every(({ segmentation }) => segmentation),
      fragments: this.#fragments,
    });
  }

  /** Whether several datagrams leave with one call (`UDP_SEGMENT`). */
  get segmentation(): boolean {
    return this.#datagrams.segmentation;
  }

  /** Sends the whole batch and reports each datagram. Does not clear the batch. */
  send(): void {
    this.#withhold?.();
    this.#datagrams.send();
  }

  /** Sends through other sockets from now on: as many as before, at an address of the same family. */
  changeSockets({ address, sending }: UnderlaySockets): void {
    this.#datagrams.changeSockets(sending.map(({ fd }) => fd));
    this.#fragments.changeSource(
      address,
      sending.map(({ port }) => port),
    );
  }
}
