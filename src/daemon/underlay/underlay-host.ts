/** What the choice of the underlay needs to know of the machine: its devices, addresses and routes. */
import type { runCommand } from '../../linux/command.ts';
import { equalIpAddresses, formatIpAddress, parseIpAddress, type IpAddress } from '../../wire/address.ts';

/** Runs a program and gives its output. Tests answer for the machine. */
export type RunCommand = typeof runCommand;

/** What `ip -j addr` says of a device, as far as it matters here. */
export interface Device {
  /** Stays as it is when the device gets another name. */
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly DeviceAddress[];
}

/** One of its addresses. */
export interface DeviceAddress {
  readonly local?: string;
  readonly scope?: string;
  readonly tentative?: boolean;
  readonly deprecated?: boolean;
  readonly temporary?: boolean;
}

/** What `ip -j route` says of a route. */
export interface KernelRoute {
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly type?: string;
}

/** The devices and routes of the machine, as `ip` tells them. */
export class UnderlayHost {
  readonly #run: RunCommand;
  readonly #devices: readonly Device[];

  private constructor(run: RunCommand, devices: readonly Device[]) {
    this.#run = run;
    this.#devices = devices;
  }

  /** Reads the devices now, with their addresses of one family or of both, and the routes when they are asked for. */
  static async read(run: RunCommand, family?: 4 | 6): Promise<UnderlayHost> {
    const output = await run(['ip', '-j', 'addr', 'show'], { purpose: 'list network devices' });
    const devices = parseJson<Device>(output);
    if (family === undefined) return new UnderlayHost(run, devices);
    const isWanted = ({ local }: DeviceAddress): boolean => parseIpAddress(local ?? '')?.family === family;
    return new UnderlayHost(
      run,
      devices.map((device) => ({ ...device, addr_info: device.addr_info.filter(isWanted) })),
    );
  }

  /** With these devices, which were listed a moment ago. */
  static of(devices: readonly Device[], run: RunCommand): UnderlayHost {
    return new UnderlayHost(run, devices);
  }

  names(): string {
    return this.#devices.map(({ ifname }) => ifname).join(', ');
  }

  device(name: string): Device | undefined {
    return this.#devices.find(({ ifname }) => ifname === name);
  }

  deviceAt(index: number): Device | undefined {
    return this.#devices.find(({ ifindex }) => ifindex === index);
  }

  deviceWith(address: IpAddress): Device | undefined {
    return this.#devices.find((device) => hasAddress(device, address));
  }

  async routeTo(address: IpAddress): Promise<KernelRoute | undefined> {
    const text = formatIpAddress(address);
    try {
      const output = await this.#run(['ip', '-j', 'route', 'get', text], { purpose: `find the route to ${text}` });
      return parseJson<KernelRoute>(output)[0];
    } catch {
      // `ip route get` fails where there is no route; the next seed may have one.
      return undefined;
    }
  }

  /** Best first. */
  async defaultRoutes(family: 4 | 6): Promise<KernelRoute[]> {
    const argv = ['ip', '-j', `-${family}`, 'route', 'show', 'default'];
    const routes = parseJson<KernelRoute>(await this.#run(argv, { purpose: 'find the default route' }));
    return routes.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  }
}

/** Whether the device has the address, up or not. */
export function hasAddress({ addr_info }: Device, address: IpAddress): boolean {
  return addr_info.some(({ local }) => {
    const own = parseIpAddress(local ?? '');
    return own !== undefined && equalIpAddresses(own, address);
  });
}

/** `ip -j` prints nothing at all, or `[{}]`, where it has nothing to say. */
function parseJson<Item>(output: string): Item[] {
  return output.trim() === '' ? [] : (JSON.parse(output) as Item[]);
}
