/**
 * What the kernel of one network namespace, a node's or a pod's, says of a packet that comes in, goes out, or passes through. Types
 * only; `linux/passage-lookup.ts` asks, `passage.ts` judges.
 */

/** A network device. */
export interface LinkState {
  readonly name: string;
  readonly isUp: boolean;
  /** Whether its other end is there, and up. */
  readonly hasCarrier: boolean;
  readonly mtuBytes: number;
  /** Whether it is one end of a cable, which takes nothing in that is longer than its MTU. */
  readonly isVeth: boolean;
  /** Empty if it has none, as a TUN device. */
  readonly mac: string;
  /** Whether an XDP program sees packets before the kernel does. */
  readonly hasXdp: boolean;
}

/** A device that was looked for. */
export type SoughtLink = LinkState | { readonly name: string; readonly isMissing: true };

/** What `ip route get` answers. */
export type RouteReply =
  | {
      /** `unicast`, `local`, `broadcast`, `multicast`. */
      readonly type: string;
      readonly device: string;
      /** Empty: the destination itself is the next hop. */
      readonly gateway: string;
      /** `main`, `local`, a name, or a number. */
      readonly table: string;
      /** Of the route that was found: `10.244.0.0/16`, `default`; empty if that is not known. */
      readonly prefix: string;
    }
  | { readonly error: string };

/** A rule of `ip rule`. */
export interface PolicyRule {
  readonly priority: number;
  readonly table: string;
  /** Where it asks for no table: `blackhole`, `unreachable`, `prohibit`; otherwise empty. */
  readonly action: string;
  /** As `ip rule` writes it: `100: from 10.244.0.0/16 lookup 77`. */
  readonly words: string;
}

/** A route that lets nothing pass. */
export interface RefusingRoute {
  readonly type: string;
  readonly prefix: string;
  /** Whether weft made it, as what holds when its device is away. */
  readonly isOurs: boolean;
}

/** What the kernel knows of the next hop on its wire. */
export interface NeighbourState {
  readonly address: string;
  readonly device: string;
  /** Empty: not known. */
  readonly mac: string;
  /** `REACHABLE`, `STALE`, `FAILED`, `PERMANENT`, ... */
  readonly states: readonly string[];
}

/** Connections that the kernel tracks. */
export interface TrackingState {
  readonly connections: number;
  readonly maxConnections: number;
  /** New ones that found no room, since the namespace was made. */
  readonly refused: number;
}

/** All of it. */
export interface PassageFacts {
  /** Where the packet comes in; `undefined`: it is made here. */
  readonly entry: SoughtLink | undefined;
  /** Whether the source of what is made here, or the destination of what comes in, is an address of this namespace. */
  readonly hasAddress: boolean;
  readonly route: RouteReply;
  /** To the source, as asked for what comes in. */
  readonly wayBack: RouteReply | undefined;
  /** Where it goes out, or should. */
  readonly exit: SoughtLink | undefined;
  /** The next hop, if there is one and the kernel has an entry for it. */
  readonly neighbour: NeighbourState | undefined;
  /** Whether the gateway that the sender uses is an address of this namespace; `undefined`: it uses none. */
  readonly isGateway: boolean | undefined;
  /** In the order in which they are asked. */
  readonly rules: readonly PolicyRule[];
  /** Those for the destination, the longest prefix first. */
  readonly refusing: readonly RefusingRoute[];
  readonly tracking: TrackingState | undefined;
  /** Multicast groups that the device is in where it comes in; empty if that was not asked. */
  readonly groups: readonly string[];
  /** Kernel parameters that were looked at, by name with slashes. */
  readonly sysctls: Readonly<Record<string, string>>;
}
