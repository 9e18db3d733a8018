/** Many datagrams to one endpoint, faster than `node:dgram` could: with the sockets and batches of the dataplane. */
import { DatagramOwner, TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import { DatagramSender } from '../../src/linux/datagram-sender.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { PeerAddresses } from '../../src/linux/peer-addresses.ts';
import { openSendingSocket } from '../../src/linux/udp-socket.ts';
import { parseEndpoint, parseIpAddress } from '../../src/wire/address.ts';

const BATCH_DATAGRAMS = 256;
const SLOT_BYTES = 2048;

export class BurstSender {
  sent = 0;
  failed = 0;
  /** Where its datagrams come from. */
  readonly port: number;
  readonly #memory: MappedMemory;
  readonly #batch = new TransmitBatch(BATCH_DATAGRAMS, BATCH_DATAGRAMS);
  readonly #slotsAt: number;
  readonly #sender: DatagramSender;

  /** @param segmentation true: neighbours of one length leave as one (`UDP_SEGMENT`). */
  constructor(from: string, to: string, segmentation: boolean) {
    const source = parseIpAddress(from);
    const destination = parseEndpoint(to);
    if (source === undefined || destination === undefined) throw new TypeError(`cannot send from ${from} to ${to}`);
    const batch = this.#batch;
    const memory = new MappedMemory(BATCH_DATAGRAMS * SLOT_BYTES + DatagramSender.memoryBytes(batch) + 8192);
    this.#memory = memory;
    this.#slotsAt = memory.allocate(BATCH_DATAGRAMS * SLOT_BYTES).at;
    const { fd, port } = openSendingSocket(source, segmentation);
    this.port = port;
    this.#sender = new DatagramSender({
      fds: [fd],
      segmentation,
      memory,
      batch,
      addresses: new PeerAddresses(memory, 0, {
        generation: 1,
        endpointFamily: () => destination.address.family,
        endpointPort: () => destination.port,
        copyEndpointAddress: (_peer, bytes, at) => bytes.set(destination.address.bytes, at),
      }),
      outcome: { sent: () => this.sent++, failed: () => this.failed++ },
    });
  }

  /** Takes a datagram; it leaves with its batch, or with {@link flush}. */
  push(bytes: Uint8Array): void {
    const batch = this.#batch;
    const at = this.#slotsAt + batch.datagramCount * SLOT_BYTES;
    this.#memory.bytes.set(bytes, at);
    batch.datagram(DatagramOwner.egress, 0, 0, bytes.length);
    batch.piece(at, bytes.length);
    if (batch.datagramCount === batch.maxDatagrams) this.flush();
  }

  flush(): void {
    this.#sender.send();
    this.#batch.clear();
  }
}
