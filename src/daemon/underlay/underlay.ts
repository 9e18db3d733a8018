/**
 * Which device and address the node talks to other nodes with.
 *
 * Asked in this order: what the configuration says; an address that Kubernetes gives the node; the route to the first seed that has
 * one; the default route. The
 * choice and its reason are part of the status, because a wrong one is a common fault and looks like a network that is
 * down.
 */
import { ConfigError, RequirementError } from '../../errors.ts';
import { runCommand } from '../../linux/command.ts';
import {
  equalIpAddresses,
  formatIpAddress,
  parseIpAddress,
  type Endpoint,
  type IpAddress,
} from '../../wire/address.ts';
import { formatPrefix, prefixContains } from '../../wire/prefix.ts';
import type { Config } from '../config/config.ts';
import { hasAddress, UnderlayHost, type Device, type RunCommand } from './underlay-host.ts';

/** The choice. */
export interface Underlay {
  readonly interface: string;
  /** Of the interface: what it keeps when it is renamed. */
  readonly index: number;
  readonly address: IpAddress;
  readonly mtuBytes: number;
  /** A clause that completes "it was picked because ...": `its route leads to seed 198.18.0.1`. */
  readonly reason: string;
}

interface Choice {
  readonly device: Device;
  readonly address: IpAddress;
  readonly reason: string;
}

/**
 * Chooses the underlay.
 *
 * A device that got another name while it was in use is still the one that was chosen, also where `underlay.interface`
 * names it as it was. Chosen instead of: to wait until there is a device of that name again. Because: the address is there,
 * and every socket that is bound to it works.
 *
 * @param seeds resolved; see `seeds.ts`.
 * @param internalAddresses of this node, as its Node object in Kubernetes has them.
 * @param inUse what was chosen before: only addresses of its family; without it, of any.
 * @param devices of this machine as they were a moment ago, where none was chosen before; absent: they are looked at.
 * @throws ConfigError if the configuration names a device or address that is not there, or the choice lies in the overlay.
 * @throws RequirementError `underlay-not-found` if nothing leads anywhere.
 */
export async function chooseUnderlay(
  config: Config,
  seeds: readonly Endpoint[],
  run: RunCommand = runCommand,
  inUse?: Underlay,
  internalAddresses: readonly IpAddress[] = [],
  devices?: readonly Device[],
): Promise<Underlay> {
  const family = inUse?.address.family;
  const host = devices === undefined ? await UnderlayHost.read(run, family) : UnderlayHost.of(devices, run);
  const reachable = seeds.filter(({ address }) => family === undefined || address.family === family);
  const choice =
    renamed(config, host, inUse) ??
    configuredAddress(config, host, inUse) ??
    configuredInterface(config, host, reachable, inUse) ??
    internalAddress(config, host, internalAddresses, family) ??
    (await routeToSeed(config, host, reachable)) ??
    (await defaultRoute(config, host, family));
  if (choice === undefined) {
    throw new RequirementError(
      'underlay-not-found',
      'no seed has a route and there is no default route: set underlay.interface or underlay.address',
    );
  }
  refuseOverlayAddress(config, choice.address);
  refuseUnreachablePeers(config, choice.address);
  const { device, address, reason } = choice;
  const mtuBytes = config.underlay.mtuBytes ?? device.mtu;
  return { interface: device.ifname, index: device.ifindex, address, mtuBytes, reason };
}

/** The device in use, up and with its address, under another name. */
function renamed({ underlay }: Config, host: UnderlayHost, inUse: Underlay | undefined): Choice | undefined {
  if (inUse === undefined) return undefined;
  const { address } = inUse;
  const device = host.deviceAt(inUse.index);
  if (device === undefined || device.ifname === inUse.interface) return undefined;
  if (!device.flags.includes('UP') || !hasAddress(device, address)) return undefined;
  const isByName = underlay.address === undefined && underlay.interface !== undefined;
  return { device, address, reason: isByName ? reasonOfName(underlay.interface, device) : inUse.reason };
}

function configuredAddress({ underlay }: Config, host: UnderlayHost, inUse: Underlay | undefined): Choice | undefined {
  const { address } = underlay;
  if (address === undefined) return undefined;
  const device = host.deviceWith(address);
  if (device === undefined) {
    throw new ConfigError('underlay.address', `${formatIpAddress(address)} is not an address of this machine`);
  }
  // One that was renamed while it was in use is still the one that was meant, also after its address was away.
  const isMeant = underlay.interface === undefined || underlay.interface === device.ifname;
  if (!isMeant && device.ifindex !== inUse?.index) {
    const problem = `${formatIpAddress(address)} is an address of ${device.ifname}, not of ${underlay.interface}`;
    throw new ConfigError('underlay.address', problem);
  }
  return { device, address, reason: 'underlay.address names it' };
}

function configuredInterface(
  { underlay }: Config,
  host: UnderlayHost,
  seeds: readonly Endpoint[],
  inUse: Underlay | undefined,
): Choice | undefined {
  if (underlay.interface === undefined) return undefined;
  const device = host.device(underlay.interface) ?? (inUse && host.deviceAt(inUse.index));
  if (device === undefined) {
    throw new ConfigError('underlay.interface', `there is no device ${underlay.interface}: ${host.names()}`);
  }
  const address = addressOf(device, seeds[0]?.address.family);
  if (address === undefined) {
    const name = device.ifname === underlay.interface ? device.ifname : `${device.ifname}, once ${underlay.interface},`;
    throw new ConfigError('underlay.interface', `${name} has no address that other nodes could reach`);
  }
  return { device, address, reason: reasonOfName(underlay.interface, device) };
}

/** Why a device is used that `underlay.interface` names, now or by the name that it had. */
function reasonOfName(configured: string, { ifname }: Device): string {
  return configured === ifname
    ? 'underlay.interface names it'
    : `underlay.interface names it ${configured}, as it was called`;
}

function internalAddress(
  config: Config,
  host: UnderlayHost,
  addresses: readonly IpAddress[],
  family: 4 | 6 | undefined,
): Choice | undefined {
  for (const address of addresses) {
    const device = host.deviceWith(address);
    if (device === undefined || !isUsable(device, config)) continue;
    if (family === undefined || address.family === family)
      return { device, address, reason: 'it is the InternalIP of the Node object' };
  }
  return undefined;
}

async function routeToSeed(
  config: Config,
  host: UnderlayHost,
  seeds: readonly Endpoint[],
): Promise<Choice | undefined> {
  for (const { address: seed } of seeds) {
    const text = formatIpAddress(seed);
    const own = host.deviceWith(seed);
    if (own !== undefined && isUsable(own, config)) {
      return { device: own, address: seed, reason: `seed ${text} is its own address` };
    }
    const found = await host.routeTo(seed);
    const device = found?.dev === undefined ? undefined : host.device(found.dev);
    if (device === undefined || !isUsable(device, config)) continue;
    const address = parseIpAddress(found?.prefsrc ?? '') ?? addressOf(device, seed.family);
    if (address !== undefined) return { device, address, reason: `its route leads to seed ${text}` };
  }
  return undefined;
}

async function defaultRoute(config: Config, host: UnderlayHost, only?: 4 | 6): Promise<Choice | undefined> {
  const families = only === undefined ? ([4, 6] as const) : [only];
  for (const family of families) {
    for (const route of await host.defaultRoutes(family)) {
      const device = route.dev === undefined ? undefined : host.device(route.dev);
      if (device === undefined || !isUsable(device, config)) continue;
      const address = parseIpAddress(route.prefsrc ?? '') ?? addressOf(device, family);
      if (address !== undefined) return { device, address, reason: `the IPv${family} default route leads through it` };
    }
  }
  return undefined;
}

/** Not the loopback device, and not our own tunnel: a seed inside the overlay must not pick it. */
function isUsable(device: Device, config: Config): boolean {
  return !device.flags.includes('LOOPBACK') && device.ifname !== config.tun.device;
}

function refuseOverlayAddress(config: Config, address: IpAddress): void {
  const cluster = config.clusterPrefixes.find((prefix) => prefixContains(prefix, address));
  if (cluster === undefined) return;
  const problem = `${formatPrefix(cluster)} contains the underlay address ${formatIpAddress(address)}: tunnels would lead into themselves`;
  throw new ConfigError('clusterPrefixes', problem);
}

/** Tunnels are made between addresses of one family, and never to oneself. */
function refuseUnreachablePeers({ staticPeers }: Config, address: IpAddress): void {
  staticPeers.forEach(({ endpoint }, index) => {
    const path = `staticPeers[${index}].endpoint`;
    const text = formatIpAddress(endpoint.address);
    if (endpoint.address.family !== address.family) {
      throw new ConfigError(path, `${text} cannot be reached from the underlay address ${formatIpAddress(address)}`);
    }
    if (equalIpAddresses(endpoint.address, address)) throw new ConfigError(path, `${text} is this node's own address`);
  });
}

/** The address others would use: global before site-wide, lasting before temporary. IPv4 first if no family is asked for. */
function addressOf(device: Device, family?: 4 | 6): IpAddress | undefined {
  const candidates = device.addr_info
    .filter(({ scope, tentative, deprecated }) => scope !== 'host' && scope !== 'link' && !tentative && !deprecated)
    .sort((a, b) => Number(a.temporary ?? false) - Number(b.temporary ?? false))
    .map(({ local }) => parseIpAddress(local ?? ''))
    .filter((address) => address !== undefined);
  if (family !== undefined) {
    const sameFamily = candidates.find((address) => address.family === family);
    if (sameFamily !== undefined) return sameFamily;
  }
  return candidates.find((address) => address.family === 4) ?? candidates[0];
}
