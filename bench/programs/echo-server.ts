/** Sends back what it gets: UDP datagrams, or over TCP, one connection after the other. Runs until it is ended. */
import { runOnCpus } from '../../src/linux/cpu-affinity.ts';
import { checked } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';
import { bindTo, openSocket, setOption, socketCalls, SocketAbi } from './socket-calls.ts';
import { sayReady, task } from './talk.ts';

/** Where to serve. */
export interface EchoTask {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** The one that it answers from; absent: all, but datagrams are answered from the first of the device. */
  readonly address?: string;
  /** Processor that it runs on; absent: any. */
  readonly processor?: number;
  /** Closes a TCP connection after one answer: whoever opens several at once cannot know which is served first. */
  readonly once?: boolean;
}

const BUFFER_BYTES = 4096;
const ADDRESS_BYTES = 16;
const BACKLOG = 1024;

const { protocol, port, address: at, processor, once = false } = task() as EchoTask;
if (processor !== undefined) runOnCpus([processor]);
const memory = new MappedMemory(2 * BUFFER_BYTES);
const buffer = memory.address + memory.allocate(BUFFER_BYTES).at;
const listening = openSocket(protocol);
setOption(listening, Abi.SOL_SOCKET, SocketAbi.SO_REUSEADDR, 1);
bindTo(listening, port, at);
if (protocol === 'tcp') serveStreams();
else serveDatagrams();

function serveDatagrams(): never {
  const addressAt = memory.allocate(ADDRESS_BYTES).at;
  const lengthAt = memory.allocate(4).at;
  const address = memory.address + addressAt;
  sayReady();
  for (;;) {
    memory.words[lengthAt >> 2] = ADDRESS_BYTES;
    const count = socketCalls.recvfrom(listening, buffer, BUFFER_BYTES, 0, address, memory.address + lengthAt);
    if (count > 0) socketCalls.sendto(listening, buffer, count, 0, address, ADDRESS_BYTES);
  }
}

function serveStreams(): never {
  checked(socketCalls.listen(listening, BACKLOG), 'listen', 'listen');
  sayReady();
  for (;;) {
    const fd = checked(socketCalls.accept(listening, 0, 0), 'accept', 'accept a connection');
    setOption(fd, SocketAbi.IPPROTO_TCP, SocketAbi.TCP_NODELAY, 1);
    for (;;) {
      const count = libc.read(fd, buffer, BUFFER_BYTES);
      if (count <= 0) break;
      socketCalls.sendto(fd, buffer, count, 0, 0, 0);
      if (once) break;
    }
    libc.close(fd);
  }
}
