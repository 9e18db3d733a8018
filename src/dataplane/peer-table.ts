/**
 * Peers in shared memory: a record per peer, found by its number, and two indexes of the numbers: by underlay address and by
 * MAC address.
 *
 *      0            6        7      8           10          12                     28       30      32
 *     +------------+--------+------+-----------+-----------+----------------------+--------+-------+
 *     | MAC        | family | bits | port      | MTU       | endpoint address     | target | -     |
 *     +------------+--------+------+-----------+-----------+----------------------+--------+-------+
 *
 * The target of a relayed way is the peer at its end; a peer is its own. Ways are in neither index.
 *
 * Records lie at number * 32, whether all numbers are in use or not: memory that nobody touched costs nothing. A record
 * of a peer that is gone stays as it was; nothing refers to it.
 */
import { copyOctets, equalOctets, readU16, readU32, writeU16 } from '../wire/octets.ts';
import type { MacAddress } from '../wire/address.ts';
import type { ForwardingPeer } from './forwarding-state.ts';

const Offset = { mac: 0, family: 6, bits: 7, port: 8, mtu: 10, address: 12, target: 28 } as const;
const Bit = { remoteChecksum: 1, mayRelay: 2, isRelayed: 4, mayAskRelay: 8 } as const;
/** The indexes: number of slots of each - 1, this node's bits, and the slots of the one, then those of the other. */
const Word = { slotMask: 0, node: 1, slots: 2 } as const;
const RECORD_BYTES = 32;
const MAC_BYTES = 6;
const MIN_SLOTS = 16;

/** Largest number of a peer. */
export const MAX_PEER_NUMBER = 65_535;

/** Bytes of the records. */
export const PEER_RECORDS_BYTES = (MAX_PEER_NUMBER + 1) * RECORD_BYTES;

/** 32-bit words of the indexes for `maxPeers` peers. */
export function peerIndexWords(maxPeers: number): number {
  return Word.slots + 2 * slotCount(maxPeers);
}

/** A view of one table; many may look at the same memory, one may write. */
export class PeerTable {
  readonly #records: Uint8Array;
  /** See {@link Word}. A slot is 0 if it is free, else a peer's number. */
  readonly #index: Int32Array;

  /** @param records {@link PEER_RECORDS_BYTES} bytes. @param index {@link peerIndexWords} words. */
  constructor(records: Uint8Array, index: Int32Array) {
    this.#records = records;
    this.#index = index;
  }

  /**
   * Forgets all peers, and makes the indexes the right size for `peers` peers. `mac` is this node's, and `relays` says
   * whether it relays.
   */
  reset(peers: number, mac: MacAddress, relays: boolean): void {
    const slots = slotCount(peers);
    this.#index.fill(0, 0, Word.slots + 2 * slots);
    this.#index[Word.slotMask] = slots - 1;
    this.#index[Word.node] = relays ? 1 : 0;
    copyOctets(mac, 0, this.#records, Offset.mac, MAC_BYTES);
  }

  /**
   * Adds a peer, or a relayed way to one. Of several with the same underlay address, the first is the one that
   * {@link bySender} finds, and so it is with {@link byMac}.
   */
  insert(peer: ForwardingPeer): void {
    const at = peer.index * RECORD_BYTES;
    const { address, port } = peer.endpoint;
    copyOctets(peer.mac, 0, this.#records, at + Offset.mac, MAC_BYTES);
    this.#records[at + Offset.family] = address.family;
    this.#records[at + Offset.bits] =
      (peer.remoteChecksum ? Bit.remoteChecksum : 0) |
      (peer.mayRelay ? Bit.mayRelay : 0) |
      (peer.mayAskRelay ? Bit.mayAskRelay : 0);
    writeU16(this.#records, at + Offset.port, port);
    writeU16(this.#records, at + Offset.mtu, peer.mtuBytes);
    copyOctets(address.bytes, 0, this.#records, at + Offset.address, address.bytes.length);
    writeU16(this.#records, at + Offset.target, peer.via?.target ?? peer.index);
    if (peer.via !== undefined) return;
    this.#insertInto(Word.slots, hash(address.bytes, 0, address.family), peer.index);
    this.#insertInto(this.#macSlots, hashMac(peer.mac, 0), peer.index);
  }

  /** Says that what is bound for `peer` takes a relayed way, as a route says that is in use. */
  markRelayed(peer: number): void {
    this.#records[peer * RECORD_BYTES + Offset.bits]! |= Bit.isRelayed;
  }

  /** Number of the peer whose underlay address is at `at`, or -1. */
  bySender(bytes: Uint8Array, at: number, family: 4 | 6): number {
    const index = this.#index;
    const slotMask = index[Word.slotMask]!;
    for (let slot = hash(bytes, at, family) & slotMask; ; slot = (slot + 1) & slotMask) {
      const peer = index[Word.slots + slot]!;
      if (peer === 0) return -1;
      if (this.hasAddress(peer, bytes, at, family)) return peer;
    }
  }

  /** Number of the peer whose MAC address is at `at`, or -1. This node is not among them. */
  byMac(bytes: Uint8Array, at: number): number {
    const index = this.#index;
    const slotMask = index[Word.slotMask]!;
    const slots = this.#macSlots;
    for (let slot = hashMac(bytes, at) & slotMask; ; slot = (slot + 1) & slotMask) {
      const peer = index[slots + slot]!;
      if (peer === 0) return -1;
      if (this.hasMac(peer, bytes, at)) return peer;
    }
  }

  /** Numbers of all peers that {@link bySender} may find, in no particular order. For an audit, not for packets. */
  *senders(): Generator<number> {
    const end = Math.min(this.#index.length, Word.slots + this.#index[Word.slotMask]! + 1);
    for (let word = Word.slots as number; word < end; word++) {
      const peer = this.#index[word]!;
      if (peer !== 0) yield peer;
    }
  }

  /** Whether the underlay address of `peer` is the one at `at`. */
  hasAddress(peer: number, bytes: Uint8Array, at: number, family: 4 | 6): boolean {
    const record = peer * RECORD_BYTES;
    if (this.#records[record + Offset.family] !== family) return false;
    return equalOctets(this.#records, record + Offset.address, bytes, at, family === 4 ? 4 : 16);
  }

  /** Largest inner IP packet that may go to `peer`, in bytes. */
  mtuOf(peer: number): number {
    return readU16(this.#records, peer * RECORD_BYTES + Offset.mtu);
  }

  /** Whether VXLAN Remote Checksum Offload was agreed on with `peer`. */
  hasRemoteChecksum(peer: number): boolean {
    return (this.#records[peer * RECORD_BYTES + Offset.bits]! & Bit.remoteChecksum) !== 0;
  }

  /** Whether this node relays. */
  get relays(): boolean {
    return this.#index[Word.node] !== 0;
  }

  /** Whether `peer` relays for others. */
  mayRelay(peer: number): boolean {
    return (this.#records[peer * RECORD_BYTES + Offset.bits]! & Bit.mayRelay) !== 0;
  }

  /** Whether this node relays what `peer` has for others, if it relays. */
  mayAskRelay(peer: number): boolean {
    return (this.#records[peer * RECORD_BYTES + Offset.bits]! & Bit.mayAskRelay) !== 0;
  }

  /** Whether what is bound for `peer` takes a relayed way. */
  isRelayed(peer: number): boolean {
    return (this.#records[peer * RECORD_BYTES + Offset.bits]! & Bit.isRelayed) !== 0;
  }

  /** The peer at the end of a relayed way; of a peer it is that peer. */
  targetOf(peer: number): number {
    return readU16(this.#records, peer * RECORD_BYTES + Offset.target);
  }

  /** Writes the MAC address of `peer`; 0 is this node. */
  writeMac(peer: number, bytes: Uint8Array, at: number): void {
    copyOctets(this.#records, peer * RECORD_BYTES + Offset.mac, bytes, at, MAC_BYTES);
  }

  /** Whether the MAC address at `at` is that of `peer`; 0 is this node. */
  hasMac(peer: number, bytes: Uint8Array, at: number): boolean {
    return equalOctets(this.#records, peer * RECORD_BYTES + Offset.mac, bytes, at, MAC_BYTES);
  }

  /** Family of the underlay address of `peer`. */
  endpointFamily(peer: number): 4 | 6 {
    return this.#records[peer * RECORD_BYTES + Offset.family] === 6 ? 6 : 4;
  }

  /** UDP port that datagrams for `peer` go to. */
  endpointPort(peer: number): number {
    return readU16(this.#records, peer * RECORD_BYTES + Offset.port);
  }

  /** Writes the underlay address of `peer`, 4 or 16 bytes by its family. */
  copyEndpointAddress(peer: number, bytes: Uint8Array, at: number): void {
    const length = this.endpointFamily(peer) === 4 ? 4 : 16;
    copyOctets(this.#records, peer * RECORD_BYTES + Offset.address, bytes, at, length);
  }

  get #macSlots(): number {
    return Word.slots + this.#index[Word.slotMask]! + 1;
  }

  #insertInto(slots: number, hashed: number, peer: number): void {
    const index = this.#index;
    const slotMask = index[Word.slotMask]!;
    let slot = hashed & slotMask;
    while (index[slots + slot] !== 0) slot = (slot + 1) & slotMask;
    index[slots + slot] = peer;
  }
}

/** At most half full, so that probing ends soon. */
function slotCount(peers: number): number {
  let slots = MIN_SLOTS;
  while (slots < peers * 2) slots *= 2;
  return slots;
}

function hash(bytes: Uint8Array, at: number, family: 4 | 6): number {
  let mixed = 0;
  for (let index = 0; index < (family === 4 ? 4 : 16); index += 4) {
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ (readU32(bytes, at + index) | 0), 0x85eb_ca6b);
  }
  return mixed ^ (mixed >>> 16);
}

function hashMac(bytes: Uint8Array, at: number): number {
  const mixed = Math.imul(readU16(bytes, at) ^ (readU32(bytes, at + 2) | 0), 0x85eb_ca6b);
  return mixed ^ (mixed >>> 16);
}
