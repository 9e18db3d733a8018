/** How long whole packets may be on the way to each node, as probes of the data path found it: for gossip, which takes the same ways. */
import { OVERHEAD_BYTES } from '../../dataplane/encapsulation.ts';
import type { Clock } from '../../env/clock.ts';
import type { GossipPaths } from '../../linux/gossip-segments.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { systemClock } from '../process/system-environment.ts';
import type { ProbedPath } from '../../forwarding/path-view.ts';

/** As the whole packet is, its IP header included, in bytes. */
interface PathPacket {
  /** `undefined`: not measured. */
  readonly passing: number | undefined;
  readonly full: number;
}

/** What was read is taken for true for so long, in ms: gossip asks with every datagram. */
const FRESH_MS = 250;

export class PathPackets implements GossipPaths {
  readonly #read: () => readonly ProbedPath[];
  readonly #ownBytes: number;
  readonly #clock: Clock;
  #readMs = -Infinity;
  #byAddress: ReadonlyMap<string, PathPacket> = new Map();
  #passingToAll: number | undefined;
  #hasUnmeasured = true;

  /**
   * @param read all nodes that are probed, as they are now
   * @param ownBytes the longest inner packet that this node could take
   */
  constructor(read: () => readonly ProbedPath[], ownBytes: number, clock: Clock = systemClock) {
    this.#read = read;
    this.#ownBytes = ownBytes;
    this.#clock = clock;
  }

  passingTo(address: IpAddress): number | undefined {
    return this.#pathTo(address)?.passing;
  }

  get passingToAll(): number | undefined {
    this.#refresh();
    return this.#passingToAll;
  }

  get hasUnmeasured(): boolean {
    this.#refresh();
    return this.#hasUnmeasured;
  }

  /** What to tell beside a connection to this address that broke off; empty if size is no reason that is known. */
  remark(address: IpAddress): string {
    const path = this.#pathTo(address);
    if (path?.passing === undefined || path.passing >= path.full) return '';
    return `; the path to it takes packets of ${path.passing} bytes, and the devices at both ends ${path.full}`;
  }

  #pathTo(address: IpAddress): PathPacket | undefined {
    this.#refresh();
    return this.#byAddress.get(formatIpAddress(address));
  }

  #refresh(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#readMs < FRESH_MS) return;
    this.#readMs = nowMs;
    const paths = this.#read().filter(({ isDown }) => !isDown);
    this.#byAddress = new Map(
      paths.map(({ endpoint: { address }, mtuBytes, announcedBytes, roundTripMs }) => {
        const overheadBytes = OVERHEAD_BYTES[address.family];
        const passing = roundTripMs === undefined ? undefined : mtuBytes + overheadBytes;
        return [formatIpAddress(address), { passing, full: Math.min(this.#ownBytes, announcedBytes) + overheadBytes }];
      }),
    );
    const measured = [...this.#byAddress.values()].flatMap(({ passing }) => passing ?? []);
    this.#passingToAll = measured.length === 0 ? undefined : Math.min(...measured);
    this.#hasUnmeasured = measured.length === 0 || measured.length < this.#byAddress.size;
  }
}
