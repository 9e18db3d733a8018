/** What the control API says of leases: `docs/api.md`. */

/** What became of the addresses of one of the node's prefixes, or of all of a family. */
export interface PoolCounts {
  readonly family: 4 | 6;
  /** Addresses that are given out unasked. */
  readonly size: number;
  /** Leased ones, those that were asked for by name included. */
  readonly used: number;
  /** How many can be given out now. */
  readonly free: number;
  /** How many were freed within the last minute, and are given to nobody yet. */
  readonly cooling: number;
  /** How many of the leased ones belong to pods that are gone. */
  readonly gone: number;
}

export interface IpamStatus {
  /** In the order in which they are used. */
  readonly pools: readonly (PoolCounts & { readonly prefix: string })[];
  readonly families: readonly PoolCounts[];
  /** Leased addresses that are in no pool any more, since the node's prefixes were changed. */
  readonly outside: readonly string[];
  /** Names of pods that have addresses, and are gone. */
  readonly gone: readonly string[];
  readonly journal: {
    readonly file: string;
    readonly lengthBytes: number;
    /** Why it lacks what counts already; `null`: it has everything. */
    readonly behind: string | null;
  };
}

/**
 * What is wrong with a lease.
 *
 * `journal`: what is stored is not what is known. `unfinished`: a pod was being added or removed, and that was not brought to an end.
 * `gone`: a pod that is gone has it. `missing`: the kernel lacks something of a pod, or has it otherwise. `leak`: the kernel has something of
 * weft's that belongs to no pod. `double`: somebody else has the address of a pod. `unknown`: a pod cannot be looked at.
 */
export type LeaseProblem = 'journal' | 'unfinished' | 'gone' | 'missing' | 'leak' | 'double' | 'unknown';

export interface LeaseFinding {
  readonly problem: LeaseProblem;
  /** A pod, an address, a device, a file. */
  readonly subject: string;
  readonly message: string;
  /** Whether it is as it should be now. */
  readonly repaired: boolean;
}

export interface LeaseCheck {
  /** How many of each were compared. */
  readonly compared: {
    readonly leases: number;
    readonly devices: number;
    readonly routes: number;
    readonly namespaces: number;
  };
  readonly findings: readonly LeaseFinding[];
  /** Number of findings that were not repaired. */
  readonly remaining: number;
}
