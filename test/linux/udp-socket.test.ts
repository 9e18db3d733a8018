import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { DatagramOwner, TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import { DatagramReceiver } from '../../src/linux/datagram-receiver.ts';
import { DatagramSender } from '../../src/linux/datagram-sender.ts';
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { PeerAddresses } from '../../src/linux/peer-addresses.ts';
import { Poll } from '../../src/linux/poll.ts';
import { isPortFree, openReceivingSocket, openSendingSocket, readSocketDrops } from '../../src/linux/udp-socket.ts';
import type { IpAddress } from '../../src/wire/address.ts';
import { freePort } from '../support/free-port.ts';

const loopback4: IpAddress = { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) };
const loopback6: IpAddress = { family: 6, bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) };
/** A socket option that only this test uses. */
const SO_NO_CHECK = 11;
const loopbacks = [loopback4, loopback6];
/** An address of a network for documentation, which no machine has. */
const elsewhere: IpAddress = { family: 4, bytes: Uint8Array.of(192, 0, 2, 1) };

/** A receiver, and a sender with two sockets whose peers 1 and 2 are both that receiver. */
class Loop implements Disposable {
  readonly memory = new MappedMemory(16 * 1024 * 1024);
  readonly batch = new TransmitBatch(1024, 2048);
  readonly receiver: DatagramReceiver;
  readonly sender: DatagramSender;
  readonly sourcePorts: number[];
  /** What became of each datagram: `sent`, or the error's name. */
  readonly outcomes: string[] = [];
  destinationPort: number;
  generation = 1;
  receiverFd: number;
  sendingFds: readonly number[];
  readonly #payloadAt: number;

  static async open(address: IpAddress, segmentation = true, coalescing = true): Promise<Loop> {
    return new Loop(address, await freePort(), segmentation, coalescing);
  }

  private constructor(address: IpAddress, port: number, segmentation: boolean, coalescing: boolean) {
    const { memory, batch, outcomes } = this;
    const receiving = openReceivingSocket(address, port, coalescing);
    const sending = [openSendingSocket(address, segmentation), openSendingSocket(address, segmentation)];
    this.destinationPort = port;
    this.sourcePorts = sending.map(({ port }) => port);
    this.receiverFd = receiving.fd;
    this.sendingFds = sending.map(({ fd }) => fd);
    this.receiver = new DatagramReceiver(receiving.fd, memory, 128);
    const endpointPort = (peer: number): number => (peer === 3 ? 0 : this.destinationPort);
    const generation = (): number => this.generation;
    this.sender = new DatagramSender({
      fds: sending.map(({ fd }) => fd),
      segmentation: sending.every(({ segmentation }) => segmentation),
      memory,
      batch,
      addresses: new PeerAddresses(memory, 3, {
        get generation() {
          return generation();
        },
        endpointFamily: () => address.family,
        endpointPort,
        copyEndpointAddress: (_peer, bytes, at) => bytes.set(address.bytes, at),
      }),
      outcome: {
        sent: (datagram) => (outcomes[datagram] = (outcomes[datagram] ?? '') + 'sent'),
        failed: (datagram, errnoName) => (outcomes[datagram] = (outcomes[datagram] ?? '') + errnoName),
      },
    });
    this.#payloadAt = memory.allocate(4 * 1024 * 1024).at;
  }

  #usedBytes = 0;

  /** Adds a datagram whose bytes are all `fill`, in two pieces. */
  add(fill: number, lengthBytes: number, peer = 1, socket = 0, trafficClass = 0): void {
    const at = this.#payloadAt + this.#usedBytes;
    this.#usedBytes += lengthBytes;
    this.memory.bytes.fill(fill, at, at + lengthBytes);
    this.batch.datagram(DatagramOwner.egress, peer, socket, lengthBytes);
    this.batch.trafficClass[this.batch.datagramCount - 1] = trafficClass;
    const headerBytes = Math.min(8, lengthBytes);
    this.batch.piece(at, headerBytes);
    this.batch.piece(at + headerBytes, lengthBytes - headerBytes);
  }

  send(): readonly string[] {
    this.sender.send();
    this.batch.clear();
    this.#usedBytes = 0;
    return this.outcomes.splice(0);
  }

  /** What has arrived, coalesced datagrams taken apart: `fill x length`, and the traffic class if it is not 0. */
  receive(): string[] {
    const poll = new Poll(this.memory, [this.receiverFd], Abi.POLLIN);
    const { receiver, memory } = this;
    const texts: string[] = [];
    while (poll.wait(200) > 0) {
      const count = receiver.receive();
      for (let slot = 0; slot < count; slot++) {
        const end = receiver.at(slot) + receiver.lengthBytes[slot]!;
        const step = receiver.pieceSizeBytes[slot]! || receiver.lengthBytes[slot]!;
        for (let at = receiver.at(slot); at < end; at += step) {
          const piece = memory.bytes.subarray(at, Math.min(at + step, end));
          const fills = new Set(piece);
          const trafficClass = receiver.trafficClass[slot] || '';
          texts.push(`${[...fills].join('+')} x ${piece.length} ${trafficClass}`.trim());
        }
      }
    }
    return texts;
  }

  [Symbol.dispose](): void {
    for (const fd of [this.receiverFd, ...this.sendingFds]) libc.close(fd);
    this.memory.unmap();
  }
}

const modes = [
  { segmentation: true, coalescing: true },
  { segmentation: true, coalescing: false },
  { segmentation: false, coalescing: true },
  { segmentation: false, coalescing: false },
];

for (const address of loopbacks) {
  for (const { segmentation, coalescing } of modes) {
    const title = `IPv${address.family}, segmentation ${segmentation ? 'on' : 'off'}, coalescing ${coalescing ? 'on' : 'off'}`;

    test(`${title}: datagrams arrive whole and in order`, async (t) => {
      using loop = await Loop.open(address, segmentation, coalescing);
      const lengths = [100, 100, 100, 40, 100, 1400, 1400, 1400, 9, 9, 2000];
      for (const [index, length] of lengths.entries()) loop.add(index + 1, length);
      t.deepEqual(
        loop.send(),
        lengths.map(() => 'sent'),
      );
      t.deepEqual(
        loop.receive(),
        lengths.map((length, index) => `${index + 1} x ${length}`),
      );
    });
  }

  test(`IPv${address.family}: each datagram keeps its traffic class, joined with others or not`, async (t) => {
    using loop = await Loop.open(address);
    const classes = [0, 2, 2, 2, 3, 0, 0, 184, 1, 252, 255];
    for (const [index, trafficClass] of classes.entries()) loop.add(index + 1, 100, 1, 0, trafficClass);
    t.true(loop.send().every((outcome) => outcome === 'sent'));
    const expected = classes.map((trafficClass, index) => `${index + 1} x 100 ${trafficClass || ''}`.trim());
    t.deepEqual(loop.receive(), expected);
  });

  test(`IPv${address.family}: the sender's address is known`, async (t) => {
    using loop = await Loop.open(address);
    loop.add(1, 100);
    loop.send();
    new Poll(loop.memory, [loop.receiverFd], Abi.POLLIN).wait(1000);
    t.is(loop.receiver.receive(), 1);
    t.is(loop.receiver.senderFamily[0], address.family);
    const at = loop.receiver.senderAt(0);
    t.deepEqual(loop.memory.bytes.slice(at, at + address.bytes.length), address.bytes);
  });
}

test('what is to leave alone arrives alone, and does not keep its neighbours from leaving together', async (t) => {
  using loop = await Loop.open(loopback4);
  for (const fill of [1, 2, 3, 4, 5, 6]) loop.add(fill, 100);
  for (const datagram of [2, 3]) loop.batch.isAlone[datagram] = 1;
  t.true(loop.send().every((outcome) => outcome === 'sent'));
  t.true(loop.sender.segmentation);
  new Poll(loop.memory, [loop.receiverFd], Abi.POLLIN).wait(1000);
  const count = loop.receiver.receive();
  t.deepEqual([...loop.receiver.lengthBytes.subarray(0, count)], [200, 100, 100, 200]);
});

test('a long run of equal datagrams leaves in several messages, each within the limits', async (t) => {
  using loop = await Loop.open(loopback4);
  for (let index = 0; index < 300; index++) loop.add((index % 200) + 1, 1000);
  t.true(loop.send().every((outcome) => outcome === 'sent'));
  t.is(loop.receive().length, 300);
});

test('datagrams of different sockets and peers do not mix', async (t) => {
  using loop = await Loop.open(loopback4);
  for (let index = 0; index < 20; index++) loop.add(index + 1, 500, (index % 2) + 1, index % 2);
  t.true(loop.send().every((outcome) => outcome === 'sent'));
  const expected = Array.from({ length: 20 }, (_, index) => `${index + 1} x 500`);
  t.deepEqual(loop.receive().sort(), expected.sort());
});

test('a datagram that cannot be sent is skipped alone', async (t) => {
  using loop = await Loop.open(loopback4);
  loop.add(1, 100);
  loop.add(2, 70_000);
  loop.add(3, 100);
  // Peer 3 has port 0, which nobody can send to.
  loop.add(4, 100, 3);
  loop.add(5, 100);
  t.deepEqual(loop.send(), ['sent', 'EMSGSIZE', 'sent', 'EINVAL', 'sent']);
  t.deepEqual(loop.receive(), ['1 x 100', '3 x 100', '5 x 100']);
});

test('a message of several datagrams that the kernel refuses is sent again one by one, and is the last of its kind', async (t) => {
  using loop = await Loop.open(loopback4);
  // Without checksums, Linux does not cut messages up: EINVAL.
  const on = Uint8Array.of(1, 0, 0, 0);
  for (const fd of loop.sendingFds) libc.setsockopt(fd, Abi.SOL_SOCKET, SO_NO_CHECK, on, on.length);
  loop.add(1, 100, 1, 0, 2);
  loop.add(2, 100, 1, 0, 2);
  loop.add(3, 50, 1, 0, 2);
  t.true(loop.sender.segmentation);
  t.deepEqual(loop.send(), ['sent', 'sent', 'sent']);
  t.false(loop.sender.segmentation);
  loop.add(4, 100);
  loop.add(5, 100);
  t.deepEqual(loop.send(), ['sent', 'sent']);
  t.deepEqual(loop.receive(), ['1 x 100 2', '2 x 100 2', '3 x 50 2', '4 x 100', '5 x 100']);
});

test('a message of several datagrams whose destination does not do says nothing about others', async (t) => {
  using loop = await Loop.open(loopback4);
  loop.add(1, 100, 3);
  loop.add(2, 100, 3);
  loop.add(3, 100, 1);
  t.deepEqual(loop.send(), ['EINVAL', 'EINVAL', 'sent']);
  t.true(loop.sender.segmentation);
});

test('a peer that moved gets its datagrams at its new endpoint', async (t) => {
  using loop = await Loop.open(loopback4);
  loop.add(1, 100);
  loop.send();
  t.is(loop.receive().length, 1);
  const port = await freePort();
  const other = openReceivingSocket(loopback4, port);
  loop.destinationPort = port;
  loop.generation++;
  loop.add(2, 100);
  loop.send();
  t.deepEqual(loop.receive(), []);
  t.is(new Poll(loop.memory, [other.fd], Abi.POLLIN).wait(1000), 1);
  libc.close(other.fd);
});

/** Sends more than a socket holds. Returns how many it had to drop. */
function overrun(loop: Loop): number {
  let sent = 0;
  for (let round = 0; round < 40; round++) {
    for (let index = 0; index < 1000; index++) loop.add(1, 100);
    sent += loop.send().filter((outcome) => outcome === 'sent').length;
  }
  return sent - loop.receive().length;
}

test('what a socket had to drop is counted, also when nothing came after it', async (t) => {
  using loop = await Loop.open(loopback4, true, false);
  const dropped = overrun(loop);
  t.true(dropped > 0);
  t.is(loop.receiver.overflow, dropped);
  t.is(readSocketDrops(loop.receiverFd), dropped);
});

test('other sockets take the place of those before them, and what those had to drop still counts', async (t) => {
  using loop = await Loop.open(loopback4, true, false);
  const droppedBefore = overrun(loop);
  for (const fd of [loop.receiverFd, ...loop.sendingFds]) libc.close(fd);
  loop.destinationPort = await freePort();
  loop.generation++;
  loop.receiverFd = openReceivingSocket(loopback4, loop.destinationPort, false).fd;
  loop.sendingFds = [openSendingSocket(loopback4).fd, openSendingSocket(loopback4).fd];
  loop.receiver.changeSocket(loop.receiverFd);
  loop.sender.changeSockets(loop.sendingFds);
  loop.add(1, 100);
  loop.add(2, 200, 1, 1);
  t.deepEqual(loop.send(), ['sent', 'sent']);
  t.deepEqual(loop.receive(), ['1 x 100', '2 x 200']);
  t.is(loop.receiver.overflow, droppedBefore);
  const dropped = overrun(loop);
  t.true(dropped > 0);
  t.is(loop.receiver.overflow, droppedBefore + dropped);
});

test('nothing to receive is nothing', async (t) => {
  using loop = await Loop.open(loopback4);
  t.is(loop.receiver.receive(), 0);
});

test('source ports are different, and in the dynamic range', async (t) => {
  using loop = await Loop.open(loopback4);
  t.is(new Set(loop.sourcePorts).size, 2);
  for (const port of loop.sourcePorts) t.true(port >= 49_152 && port <= 65_535);
});

test('a sending socket receives nothing', async (t) => {
  const { fd, port } = openSendingSocket(loopback4);
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.send('hello', port, '127.0.0.1', resolve));
  t.is(new Poll(new MappedMemory(4096), [fd], Abi.POLLIN).wait(50), 0);
  socket.close();
  libc.close(fd);
});

for (const address of loopbacks) {
  test(`IPv${address.family}: a port is free until somebody has it, and sharing does not fool us`, async (t) => {
    const port = await freePort();
    t.true(isPortFree(address, port));
    const first = openReceivingSocket(address, port);
    t.false(isPortFree(address, port));
    const second = openReceivingSocket(address, port);
    libc.close(first.fd);
    t.false(isPortFree(address, port));
    libc.close(second.fd);
    t.true(isPortFree(address, port));
  });
}

test('an address that is not here is named', (t) => {
  const expected = { code: 'address-not-here', message: /192\.0\.2\.1/ };
  t.throws(() => isPortFree(elsewhere, 4789), expected);
  t.throws(() => openReceivingSocket(elsewhere, 4789), expected);
  t.throws(() => openSendingSocket(elsewhere), expected);
});

test('a port that somebody holds alone cannot be shared', async (t) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  t.throws(() => openReceivingSocket(loopback4, port), { code: 'system-call-failed', message: /EADDRINUSE/ });
  socket.close();
});
