/** A link on which this node answers for addresses of load balancers, which none of its interfaces has. */
import { GroupSocket } from '../../linux/group-socket.ts';
import { LinkSocket } from '../../linux/link-socket.ts';
import { arpFilter, neighborFilter } from '../../linux/neighbor-filter.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import { announcementOf, hear, probeOf } from '../../services/neighbor-answers.ts';
import { formatIpAddress, type IpAddress, type MacAddress } from '../../wire/address.ts';
import { EtherType } from '../../wire/ethernet.ts';
import { solicitedNodeGroup } from '../../wire/neighbor-discovery.ts';
import type { Prefix } from '../../wire/prefix.ts';

/** A device, and the prefixes of it that have addresses of pools. */
export interface PoolLink {
  readonly index: number;
  readonly name: string;
  readonly mac: MacAddress;
  readonly prefixes: readonly Prefix[];
}

/** Frames that are taken in one go: whoever floods the link keeps nobody waiting. */
const MAX_FRAMES = 64;

/** Somebody else says that it has an address. */
export interface Contest {
  readonly address: IpAddress;
  readonly by: MacAddress;
}

export class AnnouncingLink {
  readonly link: PoolLink;
  readonly #sockets: Readonly<Partial<Record<4 | 6, LinkSocket>>>;
  readonly #groups: GroupSocket | undefined;
  /** How many addresses each group is for. */
  readonly #joined = new Map<string, number>();
  readonly #addresses = new Map<string, IpAddress>();

  /** Hears what the link says of addresses of the pools from now on, and answers for none yet. @throws SystemCallError */
  constructor(link: PoolLink, pools: readonly AddressPool[]) {
    this.link = link;
    const has = (family: 4 | 6) => link.prefixes.some(({ address }) => address.family === family);
    const opened: { 4?: LinkSocket; 6?: LinkSocket } = {};
    try {
      if (has(4)) opened[4] = new LinkSocket(link.index, EtherType.arp, arpFilter(pools));
      if (has(6)) opened[6] = new LinkSocket(link.index, EtherType.ipv6, neighborFilter());
      this.#groups = has(6) ? new GroupSocket(link.index) : undefined;
    } catch (error) {
      for (const socket of Object.values(opened)) socket.close();
      throw error;
    }
    this.#sockets = opened;
  }

  /** Answers for it from now on. */
  take(address: IpAddress): void {
    const text = formatIpAddress(address);
    if (this.#addresses.has(text)) return;
    this.#addresses.set(text, address);
    if (address.family === 6) this.#join(solicitedNodeGroup(address));
  }

  /** Answers for it no more. */
  giveUp(address: IpAddress): void {
    if (this.#addresses.delete(formatIpAddress(address)) && address.family === 6)
      this.#leave(solicitedNodeGroup(address));
  }

  /** Tells everybody on the link that it is here. */
  announce(address: IpAddress): void {
    this.#sockets[address.family]?.send(announcementOf(address, this.link.mac));
  }

  /** Asks whether somebody else has it: the answer is heard by {@link serve}. */
  probe(address: IpAddress): void {
    this.#sockets[address.family]?.send(probeOf(address, this.link.mac));
  }

  /** Answers those who asked. @returns those who say that they have one of the addresses. @throws SystemCallError if the device is gone */
  serve(): readonly Contest[] {
    const contests: Contest[] = [];
    for (const socket of Object.values(this.#sockets)) {
      for (let frames = 0; frames < MAX_FRAMES; frames++) {
        const frame = socket.read();
        if (frame === undefined) break;
        const heard = hear(frame, this.link.mac, (text) => this.#addresses.has(text));
        if (heard?.kind === 'asked') socket.send(heard.answer);
        else if (heard?.kind === 'contested') contests.push(heard);
      }
    }
    return contests;
  }

  close(): void {
    for (const socket of Object.values(this.#sockets)) socket.close();
    this.#groups?.close();
  }

  #join(group: IpAddress): void {
    const key = formatIpAddress(group);
    const uses = this.#joined.get(key) ?? 0;
    this.#joined.set(key, uses + 1);
    if (uses === 0 && !this.#groups!.join(group)) this.#sockets[6]!.hearAllGroups();
  }

  #leave(group: IpAddress): void {
    const key = formatIpAddress(group);
    const uses = this.#joined.get(key)! - 1;
    if (uses > 0) this.#joined.set(key, uses);
    else this.#joined.delete(key);
    if (uses === 0) this.#groups!.leave(group);
  }
}
