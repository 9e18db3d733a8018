/** Longest-prefix match, random addresses, with few and with many routes. */
import { createForwardingMemory, ForwardingPublisher, ForwardingReader } from '../../src/dataplane/forwarding-table.ts';
import type { ForwardingRoute } from '../../src/dataplane/forwarding-state.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';

const COUNTS = [10, 1_000, 100_000] as const;
const PEERS = 16;
/** Addresses that are asked for in turn; more than a processor's first cache holds. */
const ASKED = 1 << 14;

export const routeLookup: readonly MicroBenchmark[] = ([4, 6] as const).flatMap((family) =>
  COUNTS.map((count): MicroBenchmark => ({
    name: `route lookup, IPv${family}, ${count} routes`,
    unit: 'lookup',
    unitsPerRepetition: ASKED,
    prepare: () => prepare(family, count),
  })),
);

function prepare(family: 4 | 6, count: number): (repetitions: number) => void {
  const memory = createForwardingMemory(count, PEERS);
  const endpoint = { address: { family: 4, bytes: Uint8Array.of(198, 18, 0, 2) }, port: 4789 } as const;
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const peer = { endpoint, mac, mtuBytes: 1450, remoteChecksum: true, mayRelay: false, mayAskRelay: true };
  const peers = Array.from({ length: PEERS }, (_, index) => ({ ...peer, index: index + 1 }));
  const routes = Array.from({ length: count }, (_, index) => route(family, index));
  new ForwardingPublisher(memory, 1).publish({ mac, peers, relays: false, routes });
  const reader = new ForwardingReader(memory, 0);
  reader.enter();
  const length = family === 4 ? 4 : 16;
  const asked = new Uint8Array(ASKED * length);
  for (let index = 0; index < ASKED; index++) {
    asked.set(routes[Math.floor(Math.random() * count)]!.prefix.address.bytes, index * length);
    asked[(index + 1) * length - 1]! += 1 + Math.floor(Math.random() * 6);
  }
  return (repetitions) => {
    let sum = 0;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let at = 0; at < asked.length; at += length) sum += reader.lookup(asked, at, family);
    }
    if (sum < 0) throw new RangeError('an address was not found');
  };
}

/** 10.x.y.0/24, then 10.x.y.16/28, and so on; the same with fd00: before. Two lengths, as with nodes and single pods. */
function route(family: 4 | 6, index: number): ForwardingRoute {
  const block = index >>> 1;
  const low = (index & 1) * 16;
  const lengthBits = index % 2 === 0 ? 28 : 29;
  const address =
    family === 4
      ? Uint8Array.of(10 + (block >>> 16), block >>> 8, block, low)
      : Uint8Array.of(0xfd, 0, 0, 0x10, block >>> 16, block >>> 8, block, low, 0, 0, 0, 0, 0, 0, 0, 0);
  return {
    prefix: { address: { family, bytes: address }, lengthBits: family === 4 ? lengthBits : 64 },
    peer: 1 + (index % PEERS),
  };
}
