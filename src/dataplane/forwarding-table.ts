/**
 * The forwarding state as workers read it: in shared memory, without locks, and without ever seeing half of a change.
 *
 * There are two generations. Workers are inside one of them, or in none, for the time of a batch; the main thread
 * compiles a new state into the other, and then flips which one is current:
 *
 *     publisher   the spare one has a worker inside? -> come back later; else write it, make it current
 *     reader      note that I am inside the current one; is it still the current one? else again
 *
 * All steps are sequentially consistent atomics, so one of the two sees the other: a reader that noted itself too late
 * to be seen finds that the current generation is another by now.
 *
 *     +---------+--------------------------+--------------------------+
 *     | control | generation 0             | generation 1             |
 *     +---------+--------------------------+--------------------------+
 *                number | IPv4 | IPv6 | indexes of peers | records of peers
 */
import { ExhaustedError } from '../errors.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { ForwardingRoute, ForwardingState } from './forwarding-state.ts';
import { MAX_PEER_NUMBER, PEER_RECORDS_BYTES, PeerTable, peerIndexWords } from './peer-table.ts';
import { PrefixTable4, prefixTable4Words } from './prefix-table4.ts';
import { PrefixTable6, prefixTable6Words } from './prefix-table6.ts';

/** Most workers that may read a table. */
export const MAX_WORKERS = 64;

/** A cache line in words: where a worker notes that it is inside, no other writes. */
const LINE_WORDS = 16;
const Word = { current: 0, presence: LINE_WORDS } as const;
const CONTROL_WORDS = LINE_WORDS * (1 + MAX_WORKERS);
const OUTSIDE = 0;
/** Longest prefix: an IPv6 address. */
const MAX_LENGTH_BITS = 128;
const INSIDE = [1, 2] as const;

/** Memory that the main thread and all workers share; it may be posted. */
export interface ForwardingMemory {
  readonly maxRoutes: number;
  readonly maxPeers: number;
  readonly buffer: SharedArrayBuffer;
}

/** Memory for up to `maxRoutes` routes of each family and `maxPeers` peers. What is not used costs address space only. */
export function createForwardingMemory(maxRoutes: number, maxPeers: number): ForwardingMemory {
  const words = CONTROL_WORDS + 2 * generationWords(maxRoutes, maxPeers);
  return { maxRoutes, maxPeers, buffer: new SharedArrayBuffer(words * 4) };
}

/** The main thread's side. */
export class ForwardingPublisher {
  readonly #memory: ForwardingMemory;
  readonly #workers: number;
  readonly #control: Int32Array;
  readonly #generations: readonly [Generation, Generation];
  #published = 0;

  /** @param workers how many read this memory: 1 to {@link MAX_WORKERS}. */
  constructor(memory: ForwardingMemory, workers: number) {
    if (workers < 1 || workers > MAX_WORKERS) throw new RangeError(`${workers} workers are not 1 to ${MAX_WORKERS}`);
    this.#memory = memory;
    this.#workers = workers;
    this.#control = controlOf(memory);
    this.#generations = generationsOf(memory);
  }

  /**
   * Makes `state` what workers see from their next batch on.
   *
   * @returns false, and nothing was done, if a worker still uses the state before the current one: call again, a batch
   *   takes well under a millisecond.
   * @throws ExhaustedError `forwarding-table-full` if it does not fit; the current state stays in use.
   * @throws RangeError if it contradicts itself: a route to an unknown peer, two routes for one prefix, a relayed way whose
   *   ends are not both peers.
   */
  publish(state: ForwardingState): boolean {
    checkSize(state, this.#memory);
    checkPeers(state);
    const spare = 1 - Atomics.load(this.#control, Word.current);
    for (let worker = 0; worker < this.#workers; worker++) {
      if (Atomics.load(this.#control, Word.presence + worker * LINE_WORDS) === INSIDE[spare]) return false;
    }
    const generation = this.#generations[spare]!;
    generation.peers.reset(state.peers.length, state.mac, state.relays);
    for (const peer of state.peers) generation.peers.insert(peer);
    fillRoutes(generation, state.routes);
    for (const { peer } of state.routes) {
      const target = generation.peers.targetOf(peer);
      if (target !== peer) generation.peers.markRelayed(target);
    }
    this.#published++;
    generation.header[0] = this.#published;
    Atomics.store(this.#control, Word.current, spare);
    return true;
  }
}

/** A worker's side. Everything but {@link enter} and {@link leave} is called between the two. Nothing here allocates. */
export class ForwardingReader {
  readonly #control: Int32Array;
  readonly #presence: number;
  readonly #generations: readonly [Generation, Generation];
  #inside: Generation;

  /** @throws RangeError if `worker` is not 0 to {@link MAX_WORKERS} - 1. */
  constructor(memory: ForwardingMemory, worker: number) {
    if (worker < 0 || worker >= MAX_WORKERS) throw new RangeError(`worker ${worker} is not 0 to ${MAX_WORKERS - 1}`);
    this.#control = controlOf(memory);
    this.#presence = Word.presence + worker * LINE_WORDS;
    this.#generations = generationsOf(memory);
    this.#inside = this.#generations[0];
  }

  /** Begins a batch: the state stays the same until {@link leave}. Never wait in between: the main thread does, too. */
  enter(): void {
    for (;;) {
      const current = Atomics.load(this.#control, Word.current);
      Atomics.store(this.#control, this.#presence, current === 0 ? INSIDE[0] : INSIDE[1]);
      if (Atomics.load(this.#control, Word.current) !== current) continue;
      this.#inside = current === 0 ? this.#generations[0] : this.#generations[1];
      return;
    }
  }

  /** Ends a batch. */
  leave(): void {
    Atomics.store(this.#control, this.#presence, OUTSIDE);
  }

  /** Changes with each published state; 0 before the first. For whoever keeps something made from the state. */
  get generation(): number {
    return this.#inside.header[0]!;
  }

  /** Peer whose prefix contains the address at `at`, by longest match; 0 is this node, -1 nobody. */
  lookup(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return family === 4 ? this.#inside.routes4.lookup(bytes, at) : this.#inside.routes6.lookup(bytes, at);
  }

  /** Peer of exactly this prefix, whatever longer or shorter ones there are, or -1. */
  find({ address, lengthBits }: Prefix): number {
    const { routes4, routes6 } = this.#inside;
    return (address.family === 4 ? routes4 : routes6).find(address.bytes, 0, lengthBits);
  }

  /** Number of routes, counted one by one. */
  count(): number {
    return this.#inside.routes4.count() + this.#inside.routes6.count();
  }

  /** All routes, in no particular order. Allocates: for an audit, not for packets. */
  *routes(): Generator<ForwardingRoute> {
    yield* this.#inside.routes4.routes();
    yield* this.#inside.routes6.routes();
  }

  /** Numbers of all peers that {@link peerBySender} may find, in no particular order. For an audit, not for packets. */
  senders(): Generator<number> {
    return this.#inside.peers.senders();
  }

  /** A peer with the underlay address at `at`, or -1. Several may share one address: {@link peerHasAddress}. */
  peerBySender(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return this.#inside.peers.bySender(bytes, at, family);
  }

  /** Whether datagrams of `peer` come from the underlay address at `at`. */
  peerHasAddress(peer: number, bytes: Uint8Array, at: number, family: 4 | 6): boolean {
    return this.#inside.peers.hasAddress(peer, bytes, at, family);
  }

  /** Largest inner IP packet that may go to `peer`, in bytes. */
  mtuOf(peer: number): number {
    return this.#inside.peers.mtuOf(peer);
  }

  /** Whether VXLAN Remote Checksum Offload was agreed on with `peer`. */
  hasRemoteChecksum(peer: number): boolean {
    return this.#inside.peers.hasRemoteChecksum(peer);
  }

  /** A peer whose MAC address is at `at`, or -1; not this node. */
  peerByMac(bytes: Uint8Array, at: number): number {
    return this.#inside.peers.byMac(bytes, at);
  }

  /** The peer at the end of a relayed way, which {@link lookup} may find, too; of a peer, and of 0, it is itself. */
  targetOf(peer: number): number {
    return this.#inside.peers.targetOf(peer);
  }

  /** Whether this node relays for its peers. */
  get relays(): boolean {
    return this.#inside.peers.relays;
  }

  /** Whether `peer` relays for others. */
  mayRelay(peer: number): boolean {
    return this.#inside.peers.mayRelay(peer);
  }

  /** Whether this node relays what `peer` has for others, if it relays. */
  mayAskRelay(peer: number): boolean {
    return this.#inside.peers.mayAskRelay(peer);
  }

  /** Whether this node itself needs a relay to reach `peer`. */
  isRelayed(peer: number): boolean {
    return this.#inside.peers.isRelayed(peer);
  }

  /** Writes the MAC address of `peer`, or of this node for 0. */
  writeMac(peer: number, bytes: Uint8Array, at: number): void {
    this.#inside.peers.writeMac(peer, bytes, at);
  }

  /** Whether the MAC address at `at` is that of `peer`, or of this node for 0. */
  hasMac(peer: number, bytes: Uint8Array, at: number): boolean {
    return this.#inside.peers.hasMac(peer, bytes, at);
  }

  /** Family of the underlay address of `peer`. */
  endpointFamily(peer: number): 4 | 6 {
    return this.#inside.peers.endpointFamily(peer);
  }

  /** UDP port that datagrams for `peer` go to. */
  endpointPort(peer: number): number {
    return this.#inside.peers.endpointPort(peer);
  }

  /** Writes the underlay address of `peer`, 4 or 16 bytes by its family. */
  copyEndpointAddress(peer: number, bytes: Uint8Array, at: number): void {
    this.#inside.peers.copyEndpointAddress(peer, bytes, at);
  }
}

/** Views of one generation. */
interface Generation {
  readonly header: Int32Array;
  readonly routes4: PrefixTable4;
  readonly routes6: PrefixTable6;
  readonly peers: PeerTable;
}

function generationWords(maxRoutes: number, maxPeers: number): number {
  const tables = prefixTable4Words(maxRoutes) + prefixTable6Words(maxRoutes) + peerIndexWords(maxPeers);
  return LINE_WORDS + Math.ceil(tables / LINE_WORDS) * LINE_WORDS + PEER_RECORDS_BYTES / 4;
}

function controlOf(memory: ForwardingMemory): Int32Array {
  return new Int32Array(memory.buffer, 0, CONTROL_WORDS);
}

function generationsOf(memory: ForwardingMemory): readonly [Generation, Generation] {
  return [generationOf(memory, 0), generationOf(memory, 1)];
}

function generationOf(memory: ForwardingMemory, index: 0 | 1): Generation {
  const { buffer, maxRoutes, maxPeers } = memory;
  const words = generationWords(maxRoutes, maxPeers);
  const start = CONTROL_WORDS + index * words;
  let next = start;
  const take = (count: number): Int32Array => {
    const view = new Int32Array(buffer, next * 4, count);
    next += count;
    return view;
  };
  const header = take(LINE_WORDS);
  const routes4 = new PrefixTable4(take(prefixTable4Words(maxRoutes)));
  const routes6 = new PrefixTable6(take(prefixTable6Words(maxRoutes)));
  const peerIndex = take(peerIndexWords(maxPeers));
  const records = new Uint8Array(buffer, (start + words) * 4 - PEER_RECORDS_BYTES, PEER_RECORDS_BYTES);
  return { header, routes4, routes6, peers: new PeerTable(records, peerIndex) };
}

function checkSize(state: ForwardingState, memory: ForwardingMemory): void {
  const { maxRoutes, maxPeers } = memory;
  if (state.routes.length > maxRoutes) {
    const problem = `the forwarding table holds ${maxRoutes} routes, ${state.routes.length} are needed`;
    throw new ExhaustedError('forwarding-table-full', problem, { limit: 'maxRoutes', maxRoutes });
  }
  if (state.peers.length > maxPeers) {
    const problem = `the forwarding table holds ${maxPeers} peers, ${state.peers.length} are needed`;
    throw new ExhaustedError('forwarding-table-full', problem, { limit: 'maxPeers', maxPeers });
  }
}

function checkPeers(state: ForwardingState): void {
  const known = new Set([0]);
  for (const { index } of state.peers) {
    if (!Number.isInteger(index) || index < 1 || index > MAX_PEER_NUMBER) {
      throw new RangeError(`${index} is not the number of a peer: 1 to ${MAX_PEER_NUMBER}`);
    }
    if (known.has(index)) throw new RangeError(`there are two peers ${index}`);
    known.add(index);
  }
  const ways = new Set(state.peers.filter(({ via }) => via !== undefined).map(({ index }) => index));
  for (const { index, via } of state.peers) {
    if (via === undefined) continue;
    for (const end of [via.target, via.relay]) {
      if (end === 0 || !known.has(end) || ways.has(end))
        throw new RangeError(`way ${index} leads over ${end}, no peer`);
    }
    if (via.target === via.relay) throw new RangeError(`way ${index} leads over its own target ${via.target}`);
  }
  for (const { peer } of state.routes)
    if (!known.has(peer)) throw new RangeError(`a route leads to peer ${peer}, which is unknown`);
}

function fillRoutes(generation: Generation, routes: readonly ForwardingRoute[]): void {
  const byLength = Array.from({ length: MAX_LENGTH_BITS + 1 }, (): ForwardingRoute[] => []);
  let count4 = 0;
  for (const route of routes) {
    if (route.prefix.address.family === 4) count4++;
    byLength[route.prefix.lengthBits]!.push(route);
  }
  generation.routes4.reset(count4);
  generation.routes6.reset(routes.length - count4);
  for (const ofOneLength of byLength.toReversed()) {
    for (const { prefix, peer } of ofOneLength) {
      const { address, lengthBits } = prefix;
      const table = address.family === 4 ? generation.routes4 : generation.routes6;
      if (table.insert(address.bytes, 0, lengthBits, peer)) continue;
      throw new RangeError(`there are two routes for one prefix of ${lengthBits} bits`);
    }
  }
}
