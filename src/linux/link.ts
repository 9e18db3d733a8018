/** Network devices and their addresses, as `ip -json address` shows them. */
import { CommandError } from '../errors.ts';
import { runCommand, runJsonCommand } from './command.ts';
import { readSysctl } from './sysctl.ts';

/** One device. Only what weft reads; `ip` writes more. */
export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  /** `UP` is the administrative state, `LOWER_UP` the carrier. */
  readonly flags: readonly string[];
  /** MAC address. A TUN device has none. */
  readonly address?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    /** Of a TUN device. `numqueues` counts those that a process is attached to. */
    readonly info_data?: {
      readonly type?: string;
      readonly pi?: boolean;
      readonly vnet_hdr?: boolean;
      readonly multi_queue?: boolean;
      readonly numqueues?: number;
    };
  };
  readonly addr_info: readonly LinkAddress[];
}

export interface LinkAddress {
  readonly local: string;
  readonly prefixlen: number;
}

/** One that was listed. */
export interface ListedLink extends Link {
  /** Stays as it is when the device gets another name. */
  readonly ifindex: number;
}

/** All devices of a network namespace, by default of the caller's. */
export function listLinks(netns?: string): Promise<ListedLink[]> {
  const options = { purpose: 'list the network devices', ...(netns !== undefined && { netns }) };
  return runJsonCommand<ListedLink[]>(['ip', '-details', '-json', 'address', 'show'], options);
}

/** Addresses of a device in the form `10.0.0.1/24`. */
export function addressesOf(link: Link): string[] {
  return link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

/** Gives a device another name. Kernels before 6.2 rename none that is up: there it is down afterwards. */
export async function renameLink(from: string, to: string): Promise<void> {
  const purpose = `rename the device ${from} to ${to}`;
  // Not in a batch: there are names that it cannot take.
  const rename = async (): Promise<unknown> => runCommand(['ip', 'link', 'set', 'dev', from, 'name', to], { purpose });
  try {
    await rename();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    await runCommand(['ip', 'link', 'set', 'dev', from, 'down'], { purpose });
    await rename();
  }
}

/** Of `net.ipv6.conf.*.addr_gen_mode`: no address is generated. */
const ADDRESS_MODE_NONE = '1';

/**
 * Whether the kernel gives a device a link-local address of its own, which `ip address` does not tell. Where it has no IPv6, as with an MTU
 * below 1280 bytes, it does not, and `ip link set DEVICE addrgenmode` fails.
 */
export function generatesLinkLocal(device: string): boolean {
  const mode = readSysctl(`net/ipv6/conf/${device}/addr_gen_mode`);
  return mode !== undefined && mode !== ADDRESS_MODE_NONE;
}
