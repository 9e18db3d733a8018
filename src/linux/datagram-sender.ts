/**
 * Sending a batch of datagrams, one sendmmsg(2) per sending socket, gathered from slices of mapped memory.
 *
 * Neighbours of one length to one peer leave as one message, which the kernel cuts up again (`UDP_SEGMENT`, udp(7)): one
 * way through its stack instead of dozens. What is to leave alone does. Where a message is refused for being one, its datagrams are sent one by one.
 * Each datagram is reported as sent or failed, exactly once.
 */
import { type TransmitBatch, WITHHELD } from '../dataplane/transmit-batch.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import type { FragmentSender } from './fragment-sender.ts';
import { Abi } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import { MessageTable } from './message-table.ts';
import type { PeerAddresses } from './peer-addresses.ts';
import { Poll } from './poll.ts';

/** What became of the datagrams of a batch: exactly one of these for each. */
export interface TransmitOutcome {
  sent(datagram: number): void;
  failed(datagram: number, errnoName: string): void;
}

export interface DatagramSenderOptions {
  /** Sending sockets; a datagram's `socket` is an index into it. */
  readonly fds: readonly number[];
  /** Whether the sockets can do `UDP_SEGMENT`. */
  readonly segmentation: boolean;
  readonly memory: MappedMemory;
  readonly batch: TransmitBatch;
  /** Where peers are; other senders of the same worker may use them, too. */
  readonly addresses: PeerAddresses;
  /** Hop limit (TTL) of the IP header, 1 to 255; the kernel's, if there is none. */
  readonly hopLimit?: number;
  readonly outcome: TransmitOutcome;
  /** For datagrams whose outer packet is to be fragmented; without it, there are none. */
  readonly fragments?: FragmentSender | undefined;
}

/** Longest that one batch waits for room in socket buffers, in ms. Then the kernel's queue is full, and so are we. */
const MAX_WAIT_MS = 10;
/** 64 is what every kernel takes; some take 128. */
const MAX_SEGMENTS = 64;
/** Close to 65 507, the kernel would not keep them together. */
const MAX_SEGMENTED_BYTES = 65_000;
/** Most vectors per message: `UIO_MAXIOV`. */
const MAX_PIECES = 1024;

/** Sends {@link TransmitBatch}es. Belongs to the worker that owns its memory. */
export class DatagramSender {
  /** Whether `UDP_SEGMENT` is in use: it is given up for good once the kernel or the device refused it. */
  segmentation: boolean;
  #fds: readonly number[];
  readonly #batch: TransmitBatch;
  readonly #outcome: TransmitOutcome;
  readonly #fragments: FragmentSender | undefined;
  readonly #messages: MessageTable;
  readonly #poll: Poll;
  /** Per socket: first and last datagram of the batch, -1 for none. */
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  /** Per datagram: the next one on the same socket, -1 for none. */
  readonly #next: Int32Array;
  /** Per message: its first datagram, and how many it stands for. */
  readonly #messageDatagram: Int32Array;
  readonly #messageDatagrams: Int32Array;
  #waitBudgetMs = 0;
  /** Where {@link DatagramSender.send} goes on with a socket, -1 at its end. */
  #gatherNext = -1;

  /** Bytes of mapped memory that a sender takes. */
  static memoryBytes(batch: TransmitBatch): number {
    return MessageTable.memoryBytes(batch.maxDatagrams + MAX_SEGMENTS, batch.maxPieces) + Poll.memoryBytes(1);
  }

  constructor(options: DatagramSenderOptions) {
    const { fds, batch, memory } = options;
    // Behind the messages of the batch there is room for those of one that must be sent again, one by one.
    const maxMessages = batch.maxDatagrams + MAX_SEGMENTS;
    this.#fds = fds;
    this.#batch = batch;
    this.#outcome = options.outcome;
    this.#fragments = options.fragments;
    this.segmentation = options.segmentation;
    this.#messages = new MessageTable(memory, maxMessages, batch, options.addresses, options.hopLimit ?? 0);
    this.#poll = new Poll(memory, [-1], Abi.POLLOUT);
    this.#head = new Int32Array(fds.length);
    this.#tail = new Int32Array(fds.length);
    this.#next = new Int32Array(batch.maxDatagrams);
    this.#messageDatagram = new Int32Array(maxMessages);
    this.#messageDatagrams = new Int32Array(maxMessages);
  }

  /** Sends through other sockets from now on: as many as before, with the same features. */
  changeSockets(fds: readonly number[]): void {
    if (fds.length !== this.#fds.length) throw new RangeError(`${this.#fds.length} sockets, and not ${fds.length}`);
    this.#fds = fds;
  }

  /** Sends the whole batch and reports each datagram. Does not clear the batch. May wait a few milliseconds. */
  send(): void {
    if (this.#batch.datagramCount === 0) return;
    this.#waitBudgetMs = MAX_WAIT_MS;
    this.#messages.begin();
    this.#sortBySocket();
    for (let socket = 0; socket < this.#fds.length; socket++) {
      this.#gatherNext = this.#head[socket]!;
      while (this.#gatherNext !== -1) {
        const count = this.#gather();
        if (count > 0) this.#submit(this.#fds[socket]!, 0, count);
        else this.#sendFragments();
      }
    }
  }

  #sortBySocket(): void {
    const { datagramCount, socket } = this.#batch;
    this.#head.fill(-1);
    for (let datagram = 0; datagram < datagramCount; datagram++) {
      const index = socket[datagram]!;
      if (index === WITHHELD) continue;
      if (this.#head[index] === -1) this.#head[index] = datagram;
      else this.#next[this.#tail[index]!] = datagram;
      this.#tail[index] = datagram;
      this.#next[datagram] = -1;
    }
  }

  /** Sends the next datagram, whose outer packet is to be fragmented. */
  #sendFragments(): void {
    const datagram = this.#gatherNext;
    this.#gatherNext = this.#next[datagram]!;
    const name = this.#fragments === undefined ? 'EMSGSIZE' : this.#fragments.send(datagram);
    if (name === '') this.#outcome.sent(datagram);
    else this.#outcome.failed(datagram, name);
  }

  /** Makes the messages for one socket, up to a datagram that is not to be sent as it is. Returns how many. */
  #gather(): number {
    const { outerFragmentBytes, isAlone } = this.#batch;
    let message = 0;
    let datagram = this.#gatherNext;
    while (datagram !== -1 && outerFragmentBytes[datagram] === 0) {
      const first = datagram;
      this.#messages.start(message, this.#batch.peer[first]!);
      this.#messages.append(message, first);
      let count = 1;
      datagram = this.#next[first]!;
      if (this.segmentation && isAlone[first] === 0) {
        while (datagram !== -1 && this.#fits(message, first, datagram, count)) {
          this.#messages.append(message, datagram);
          count++;
          const isLast = this.#batch.lengthBytes[datagram] !== this.#batch.lengthBytes[first];
          datagram = this.#next[datagram]!;
          if (isLast) break;
        }
      }
      const segmentBytes = count > 1 ? this.#batch.lengthBytes[first]! : 0;
      this.#messages.finish(message, segmentBytes, this.#batch.trafficClass[first]!);
      this.#messageDatagram[message] = first;
      this.#messageDatagrams[message] = count;
      message++;
    }
    this.#gatherNext = datagram;
    return message;
  }

  /** Whether `datagram` may join the message that `first` began and that has `count` datagrams by now. */
  #fits(message: number, first: number, datagram: number, count: number): boolean {
    const { peer, lengthBytes, firstPiece, outerFragmentBytes, trafficClass, isAlone } = this.#batch;
    const segmentBytes = lengthBytes[first]!;
    return (
      peer[datagram] === peer[first] &&
      outerFragmentBytes[datagram] === 0 &&
      isAlone[datagram] === 0 &&
      trafficClass[datagram] === trafficClass[first] &&
      lengthBytes[datagram]! <= segmentBytes &&
      count < MAX_SEGMENTS &&
      count * segmentBytes + lengthBytes[datagram]! <= MAX_SEGMENTED_BYTES &&
      this.#messages.pieces(message) + firstPiece[datagram + 1]! - firstPiece[datagram]! <= MAX_PIECES
    );
  }

  /** Sends messages `from` up to `to`; of those that fail, only they themselves are lost. Returns how many did not. */
  #submit(fd: number, from: number, to: number): number {
    let message = from;
    let total = 0;
    while (message < to) {
      const sent = libc.sendmmsg(fd, this.#messages.address(message), to - message, Abi.MSG_DONTWAIT);
      if (sent > 0) {
        for (let count = sent; count > 0; count--) this.#reportSent(message++);
        total += sent;
        continue;
      }
      // Only the first of the rest is to blame: sendmmsg stops before a message that fails, and reports it when it is first.
      const name = errnoName(lastErrno());
      if (name === 'EINTR' || (name === 'EAGAIN' && this.#waitForRoom(fd))) continue;
      if (this.#messageDatagrams[message]! > 1 && (name === 'EIO' || name === 'EINVAL' || name === 'EMSGSIZE')) {
        const wasSent = this.#sendOneByOne(fd, message);
        // A size that does not fit is the datagrams' fault, and a destination that does not do is nobody's. What is left
        // says that this kernel or device cannot.
        if (wasSent && name !== 'EMSGSIZE') this.segmentation = false;
      } else {
        this.#reportFailed(message, name);
      }
      message++;
    }
    return total;
  }

  /** Returns whether any of them could be sent. */
  #sendOneByOne(fd: number, refused: number): boolean {
    const begin = this.#batch.maxDatagrams;
    const count = this.#messageDatagrams[refused]!;
    let datagram = this.#messageDatagram[refused]!;
    this.#messages.split(refused, begin, count, datagram, this.#next);
    for (let message = begin; message < begin + count; message++) {
      this.#messageDatagram[message] = datagram;
      this.#messageDatagrams[message] = 1;
      datagram = this.#next[datagram]!;
    }
    return this.#submit(fd, begin, begin + count) > 0;
  }

  /** Waits a millisecond for the socket to take more. False, at once, when the batch has waited long enough. */
  #waitForRoom(fd: number): boolean {
    if (this.#waitBudgetMs <= 0) return false;
    // Counted also when the wait was shorter: a socket that is writable and yet full must not hold us.
    this.#waitBudgetMs--;
    this.#poll.watch(0, fd, Abi.POLLOUT);
    this.#poll.wait(1);
    return true;
  }

  #reportSent(message: number): void {
    let datagram = this.#messageDatagram[message]!;
    for (let count = this.#messageDatagrams[message]!; count > 0; count--) {
      this.#outcome.sent(datagram);
      datagram = this.#next[datagram]!;
    }
  }

  #reportFailed(message: number, name: string): void {
    let datagram = this.#messageDatagram[message]!;
    for (let count = this.#messageDatagrams[message]!; count > 0; count--) {
      this.#outcome.failed(datagram, name);
      datagram = this.#next[datagram]!;
    }
  }
}
