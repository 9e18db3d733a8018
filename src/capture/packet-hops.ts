/**
 * The packets that wait, by their ids: which of them are one packet at several hooks, or two that cannot be told apart.
 *
 * A packet is sent before it arrives. Time stamps need not say so: clocks of nodes are known up to an uncertainty only.
 */
import { Hook, hookNamed } from '../dataplane/hook.ts';
import type { PcapngTime } from './pcapng.ts';
import type { ReadPacket } from './read-packet.ts';

/** Where a packet was seen, by the name of its interface: `n1/to-underlay`. */
export interface PacketPlace {
  readonly node: string;
  /** `undefined`: none of weft's. */
  readonly hook: Hook | undefined;
  /** Of the node's clock. */
  readonly uncertaintyNs: number;
}

/** A packet that waits. */
export interface WaitingPacket {
  readonly packet: ReadPacket;
  readonly place: PacketPlace;
  /** Grows with every packet. */
  readonly arrival: number;
  /** Whether another packet near it has the same id at the same interface. */
  isAmbiguous: boolean;
  /** Whether it went on already, before its time. */
  isGone: boolean;
}

/** By how much an arrival may seem to be too early, beside the uncertainty of clocks: what a busy machine takes to look at them. */
const SLACK_NS = 10_000_000;
const NANOSECONDS = 1_000_000_000;
/** Packets of one id that are compared: one that is relayed passes eleven hooks. */
const MAX_SAME = 64;

const outward: ReadonlySet<Hook | undefined> = new Set([
  Hook.fromPod,
  Hook.route,
  Hook.encapsulate,
  Hook.toUnderlay,
  Hook.relay,
]);

/** The place that the interface of this name stands for. */
export function placeOf(name: string, uncertaintyNs: number): PacketPlace {
  const at = name.lastIndexOf('/');
  return { node: name.slice(0, Math.max(0, at)), hook: hookNamed(name.slice(at + 1)), uncertaintyNs };
}

/** How much later `b` is than `a`. */
function nanosecondsBetween(a: PcapngTime, b: PcapngTime): number {
  return (b.seconds - a.seconds) * NANOSECONDS + b.nanoseconds - a.nanoseconds;
}

/** Packets without an id are not in here. */
export class PacketHops {
  readonly #byId = new Map<number, WaitingPacket[]>();

  /** Takes a packet, and marks it, and its twin at the same interface, as ambiguous if they are no more than `windowNs` apart. */
  insert(waiting: WaitingPacket, windowNs: number): void {
    const { packet } = waiting;
    if (packet.id === undefined) return;
    const same = this.#byId.get(packet.idKey);
    if (same === undefined) {
      this.#byId.set(packet.idKey, [waiting]);
      return;
    }
    // Somebody repeats himself: nobody can tell which is which, and looking at all of them would take ages.
    if (same.length >= MAX_SAME) {
      waiting.isAmbiguous = true;
      return;
    }
    for (const other of same) {
      const isTwin = other.packet.interfaceId === packet.interfaceId && other.packet.id === packet.id;
      if (!isTwin || Math.abs(nanosecondsBetween(other.packet, packet)) > windowNs) continue;
      other.isAmbiguous = waiting.isAmbiguous = true;
    }
    same.push(waiting);
  }

  /** Forgets a packet. */
  remove(waiting: WaitingPacket): void {
    const { id, idKey } = waiting.packet;
    const same = id === undefined ? undefined : this.#byId.get(idKey);
    if (same === undefined) return;
    const at = same.indexOf(waiting);
    if (at !== -1) same.splice(at, 1);
    if (same.length === 0) this.#byId.delete(idKey);
  }

  /** What became of the packet at other nodes before it could arrive here, oldest first, if `waiting` is an arrival. */
  before(waiting: WaitingPacket): readonly WaitingPacket[] {
    const { packet, place } = waiting;
    if (place.hook !== Hook.fromUnderlay || packet.id === undefined) return none;
    const same = this.#byId.get(packet.idKey);
    if (same === undefined || same.length === 1) return none;
    const relays = new Set(same.filter(({ place: { hook } }) => hook === Hook.relay).map((other) => other.place.node));
    return same
      .filter((other) => {
        if (other.packet.id !== packet.id || other.place.node === place.node) return false;
        const { hook, node, uncertaintyNs } = other.place;
        if (!outward.has(hook) && !(hook === Hook.fromUnderlay && relays.has(node))) return false;
        // Of twins, the later one is likely to be another packet, which did come later.
        const slackNs = other.isAmbiguous ? 0 : SLACK_NS;
        return nanosecondsBetween(packet, other.packet) <= slackNs + uncertaintyNs + place.uncertaintyNs;
      })
      .sort((a, b) => nanosecondsBetween(b.packet, a.packet) || a.arrival - b.arrival);
  }
}

const none: readonly WaitingPacket[] = [];
