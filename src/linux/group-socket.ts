/** Membership of a device in IPv6 multicast groups (ipv6(7)): switches are told by MLD, and the device takes what goes there. */
import type { IpAddress } from '../wire/address.ts';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';

export class GroupSocket {
  readonly #fd: number;
  readonly #index: number;

  /** @param index of the device. @throws SystemCallError */
  constructor(index: number) {
    this.#index = index;
    const type = Abi.SOCK_DGRAM | Abi.SOCK_CLOEXEC;
    this.#fd = checked(libc.socket(Abi.AF_INET6, type, 0), 'socket', 'join multicast groups');
  }

  /** False: the kernel takes no more of them, or the device has no IPv6. */
  join(group: IpAddress): boolean {
    return this.#change(Abi.IPV6_JOIN_GROUP, group);
  }

  leave(group: IpAddress): void {
    this.#change(Abi.IPV6_LEAVE_GROUP, group);
  }

  close(): void {
    libc.close(this.#fd);
  }

  #change(option: number, group: IpAddress): boolean {
    const { size, ipv6mr_multiaddr, ipv6mr_interface } = Struct.ipv6_mreq;
    const request = new Uint8Array(size);
    request.set(group.bytes, ipv6mr_multiaddr);
    new DataView(request.buffer).setInt32(ipv6mr_interface, this.#index, true);
    return libc.setsockopt(this.#fd, Abi.IPPROTO_IPV6, option, request, size) !== -1;
  }
}
