/** The promise that weft is known for: whatever comes, and whatever befalls it, every packet is in the accounts, once. */
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { faultRule } from '../support/fault-rules.ts';
import { ipPacket, makePartial, tcpSegment, transportOf, udpDatagram } from '../support/ip-packet.ts';
import { mutated, pick } from '../support/mutation.ts';
import { joined, PLAIN_VIRTIO, residual, type SentDatagram, virtioHeader } from '../support/overlay-node.ts';
import { type NodeName, RelayingNode, number, podOf, wayNumber } from '../support/relaying-node.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
/** A million in all where time is no matter. */
const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? (process.env['CI'] ? 10 : 2));
/** Packets and datagrams that are pushed, for each seed. Most super-packets are many more. */
const RUNS = 100_000;
const RUNS_PER_CHECK = 2_000;
/** Most datagrams that wait to be received: beyond it the network loses them. */
const MAX_IN_FLIGHT = 300;

const names = ['a', 'b', 'c'] as const;
const reached = new Set<string>();

interface InFlight {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly bytes: Uint8Array;
  readonly trafficClass: number;
}

/** Three nodes, of which A and C reach each other through B, and what is on its way between them. */
class Cluster {
  readonly nodes = {
    a: new RelayingNode('a', { mayRelay: ['b'], through: ['c'], remoteChecksum: ['b'], mtuBytes: { b: 1_000 } }),
    b: new RelayingNode('b', { relays: true, remoteChecksum: ['a'], mtuBytes: { c: 900 } }),
    c: new RelayingNode('c', { mayRelay: ['b'], through: ['a'], outerFragmentation: false, mtuBytes: { b: 1_200 } }),
  };
  readonly #random: SeededRandom;
  #inFlight: InFlight[] = [];
  #nextRule = 1;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get hasInFlight(): boolean {
    return this.#inFlight.length > 0;
  }

  step(): void {
    const random = this.#random;
    const name = pick(random, names);
    const node = this.nodes[name];
    for (const each of names) this.nodes[each].nowUs += random.below(400);
    const what = random.below(100);
    if (what < 45) this.#fly(name, node.send(this.#packet(name), this.virtio));
    else if (what < 90) this.receive();
    else if (what < 92) this.#stranger(node);
    else if (what < 94) {
      const peer = pick(
        random,
        names.filter((one) => one !== name),
      );
      node.orders.put(pick(random, [number[peer], wayNumber(peer)]), 80 + random.below(1_400), random.below(1000));
      this.#fly(name, node.transmitProbes());
      node.takeResults();
    } else if (what < 99) this.release(name);
    else this.#changeFaults(node);
  }

  /** What TUN and kernel say beside the packet made last. */
  virtio: Uint8Array = PLAIN_VIRTIO;

  receive(): void {
    const random = this.#random;
    const [first] = this.#inFlight.splice(random.below(this.#inFlight.length || 1), 1);
    if (first === undefined) return;
    const { to, bytes, trafficClass } = first;
    // Now and then it comes from elsewhere, is damaged, or was joined with others by the kernel.
    const from = random.below(40) === 0 ? pick(random, names) : first.from;
    const how = random.below(20);
    const copies = how === 0 ? 1 + random.below(4) : 1;
    const damaged = how > 0 && how < 4 ? mutated(random, bytes) : bytes;
    const datagram = copies > 1 ? joined(Array.from({ length: copies }, () => bytes)) : damaged;
    const groSize = copies > 1 ? bytes.length : how === 4 ? random.below(400) : 0;
    const errnoName = random.below(30) === 0 ? pick(random, ['EPERM', 'EAGAIN', 'ENETUNREACH', 'EIO']) : undefined;
    const { relayed } = this.nodes[to].receive(from, datagram, groSize, trafficClass, errnoName);
    this.#fly(to, relayed);
    this.#fly(to, this.nodes[to].transmitProbes());
  }

  release(name: NodeName): void {
    const { sent, relayed } = this.nodes[name].release();
    this.#fly(name, [...sent, ...relayed]);
  }

  endFaults(): void {
    for (const name of names) {
      this.nodes[name].faults.replace([]);
      this.nodes[name].nowUs += 60_000_000;
      this.release(name);
    }
  }

  #fly(from: NodeName, datagrams: readonly SentDatagram[]): void {
    for (const { bytes, peer, trafficClass } of datagrams) {
      const direct = names.find((name) => number[name] === peer);
      const to = direct ?? (from === 'b' ? 'a' : 'b');
      if (to !== from && this.#inFlight.length < MAX_IN_FLIGHT) this.#inFlight.push({ from, to, bytes, trafficClass });
    }
  }

  #stranger(node: RelayingNode): void {
    const random = this.#random;
    node.receive(random.bytes(4), random.bytes(random.below(200)), random.below(2) * random.below(100));
  }

  /** From a pod of `name`, mostly, to a pod of any node, or to nobody's; now and then it is broken. */
  #packet(name: NodeName): Uint8Array {
    const random = this.#random;
    const family = random.below(2) === 0 ? 4 : 6;
    const source = podOf(random.below(20) === 0 ? pick(random, names) : name, family);
    const destination = podOf(pick(random, names), family);
    if (random.below(20) === 0) destination[family === 4 ? 2 : 7] = 99;
    const isTcp = random.below(2) === 0;
    const octet = random.below(256);
    const payload: number[] = [];
    for (let left = random.below(random.below(4) === 0 ? 9_000 : 900); left > 0; left--) payload.push(octet);
    const transport = isTcp ? tcpSegment(random.below(1 << 30), 0x10, payload) : udpDatagram(payload);
    const fragment = random.below(3) === 0 ? 0 : 0x4000;
    const packet = ipPacket({ source, destination, protocol: isTcp ? 6 : 17, transport, fragment });
    this.virtio = PLAIN_VIRTIO;
    if (random.below(2) === 0) {
      makePartial(packet);
      const gsoType = random.below(3) === 0 ? (isTcp ? (family === 4 ? 1 : 4) : 5) : 0;
      const size = gsoType === 0 ? 0 : 1 + random.below(1_200);
      this.virtio = virtioHeader(gsoType, size, transportOf(packet).at, isTcp ? 16 : 6);
    }
    return random.below(8) === 0 ? mutated(random, packet) : packet;
  }

  #changeFaults(node: RelayingNode): void {
    const random = this.#random;
    const ratio = (): number => (random.below(3) === 0 ? random.fraction() : 0);
    const rules = Array.from({ length: random.below(4) }, (_, slot) =>
      faultRule({
        id: this.#nextRule++,
        slot,
        peer: random.below(2) === 0 ? 0 : pick(random, [1, 2, 3]),
        direction: pick(random, ['out', 'in'] as const),
        lossRatio: ratio(),
        duplicateRatio: ratio(),
        corruptRatio: ratio(),
        reorderRatio: ratio(),
        delayUs: random.below(3) === 0 ? random.below(20_000) : 0,
        jitterUs: random.below(3) === 0 ? random.below(20_000) : 0,
        clipBytes: random.below(3) === 0 ? 200 + random.below(1_200) : 0,
        seed: random.uint32(),
      }),
    );
    node.faults.replace(rules);
  }
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  test.serial(
    `${RUNS} packets, broken, misrouted and befallen by faults, seed ${seed}: each is accounted for`,
    async (t) => {
      t.timeout(240_000);
      const cluster = new Cluster(new SeededRandom(seed));
      const accounts = () => names.map((name) => cluster.nodes[name].account());
      for (let run = 0; run < RUNS; run++) {
        cluster.step();
        if (run % RUNS_PER_CHECK > 0) continue;
        // Those of the peers are looked at within: each, and their sums.
        t.deepEqual(
          accounts().flatMap(({ egress, ingress }) => [residual(egress), residual(ingress)]),
          [0, 0, 0, 0, 0, 0],
        );
        // Lets the test runner see that something goes on.
        await setImmediate();
      }
      cluster.endFaults();
      const last = accounts().flatMap(({ egress, ingress }) => [egress, ingress]);
      t.deepEqual(last.map(residual), [0, 0, 0, 0, 0, 0]);
      t.deepEqual(
        last.map(({ queued }) => queued),
        [0, 0, 0, 0, 0, 0],
      );
      for (const { dropped } of last) {
        for (const [name, count] of Object.entries(dropped)) if (count > 0) reached.add(name);
      }
    },
  );
}

test.serial('all injected faults were among them, at both ends and at the relay', (t) => {
  const faults = dropReasons.map(({ name }) => name).filter((name) => name.startsWith('fault-'));
  t.is(faults.length, 9);
  t.deepEqual(
    faults.filter((name) => !reached.has(name)),
    [],
  );
});
