/**
 * The node's own end of the overlay: the TUN device's addresses, the routes that lead into it, and the kernel parameters that
 * all this needs. The rules of nftables are beside it, in `rules/`.
 *
 * Routes, all `proto 87`, in the order in which the kernel prefers them:
 *
 *     POD              dev wf…            made with the pod, see pod-wiring.ts
 *     BEHIND A POD     via POD dev wf…    the same, where the pod is a router
 *     NODE PREFIX      unreachable        an address that no pod has: an ICMP error instead of a loop through the device; also behind pods
 *     CLUSTER PREFIX   dev weft0          to the dataplane
 *     SERVICE PREFIX   dev weft0          while there are services: a node without a default route could not connect to them
 *     CLUSTER PREFIX   blackhole          while the device is away, nothing of the overlay leaks to the default route
 */
import type { Logger } from '../../env/logger.ts';
import { ipBatch, ipRemove, ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { addressesOf, generatesLinkLocal, listLinks, renameLink, type Link } from '../../linux/link.ts';
import { deleteRouteLine, listRoutes, type KernelRoute } from '../../linux/route.ts';
import { createPersistentTun } from '../../linux/tun.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, hostPrefix, type Prefix } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import { plumbingOf } from './host-facts.ts';
import { forwardingNotices } from './forwarding-notices.ts';
import { differingRoutes, hostFindings, staleRoutes, type WantedRoute } from './host-findings.ts';
import { ensureNodeSysctls, wrongNodeSysctls } from './node-sysctls.ts';
import { isAttached, isOwnTun, TUN_ALIAS } from './own-links.ts';
import { IPV6_MIN_MTU } from '../../wire/ipv6.ts';
import type { OwnPrefixes } from '../routes/own-prefixes.ts';
import { overlapNotices } from './route-overlap.ts';

/** Metric of the routes into the device: behind the 0 of a person's own route, which thus wins. */
const DEVICE_METRIC = 87;

/** Metric of the routes that hold when those into the device do not: behind everything that a person or a daemon sets. */
const FALLBACK_METRIC = 4_000_000;

/** Rules of nftables that somebody keeps: see `NodeFirewall`. */
export interface KeptRules {
  /** Makes them as they should be. @returns what could not be had. */
  ensure(): Promise<readonly Notice[]>;
  /** Looks, and changes nothing. */
  inspect(): Promise<'ours' | 'changed' | 'missing'>;
}

export interface NodeNetworkOptions {
  /** Exists already. */
  readonly tunDevice: string;
  readonly mtuBytes: number;
  /** One in each node prefix. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly prefixes: Pick<OwnPrefixes, 'configured' | 'current'>;
  readonly clusterPrefixes: readonly Prefix[];
  /** From which services have addresses; none while there are no services. */
  readonly servicePrefixes: () => readonly Prefix[];
  /** The rules of nftables, which are made and looked at with the rest. */
  readonly firewall: KeptRules;
  readonly logger: Logger;
}

export class NodeNetwork {
  readonly #options: NodeNetworkOptions;
  #hasIpv6 = false;

  constructor(options: NodeNetworkOptions) {
    this.#options = options;
  }

  /**
   * Makes everything as it should be, and removes what an earlier configuration left. Idempotent; what is right already is
   * not interrupted.
   *
   * @returns what could not be had, or stands in the way, and what to do about it.
   */
  async ensure(): Promise<Notice[]> {
    const { tunDevice, clusterPrefixes } = this.#options;
    const links = await this.#settleDevices();
    const routes = await listRoutes('all');
    const families = familiesOf(this.#options.prefixes.configured);
    const notices = ensureNodeSysctls({ tunDevice, families, routes });
    const withIpv6 = this.#withIpv6(notices);
    this.#hasIpv6 = withIpv6;
    await this.#ensureDevice(links.find(({ ifname }) => ifname === tunDevice));
    await this.#ensureRoutes(routes);
    notices.push(...(await this.#options.firewall.ensure()));
    const overlaps = overlapNotices(clusterPrefixes, routes, tunDevice);
    notices.push(...overlaps.map(({ code, message }) => ({ code, message })));
    notices.push(
      ...(await forwardingNotices(
        plumbingOf({ tunDevice, clusterPrefixes, nodePrefixes: this.#options.prefixes.configured }),
      )),
    );
    return notices;
  }

  /** Looks for what {@link ensure} made, and for routes of others in its way. Changes nothing. */
  async inspect(): Promise<Inspection> {
    const { tunDevice, mtuBytes, clusterPrefixes, prefixes, firewall } = this.#options;
    const families = familiesOf(prefixes.configured);
    const [links, routes, rules] = await Promise.all([listLinks(), listRoutes('all'), firewall.inspect()]);
    const wanted = {
      tunDevice,
      mtuBytes,
      clusterPrefixes,
      addresses: this.#wantedAddresses(),
      routes: this.#wantedRoutes(),
    };
    return hostFindings(wanted, {
      links,
      routes,
      rules,
      sysctls: wrongNodeSysctls({ tunDevice, families: families.filter((family) => this.#hasIpv6 || family === 4) }),
    });
  }

  /**
   * Has the TUN device there, under its name: somebody may have renamed or deleted it while workers had it open. Removes those of
   * an earlier configuration.
   *
   * @returns all devices, as they are then.
   */
  async #settleDevices(): Promise<readonly Link[]> {
    const { tunDevice } = this.#options;
    const links = await listLinks();
    const named = links.find(({ ifname }) => ifname === tunDevice);
    const others = links.filter((link) => isOwnTun(link) && link.ifname !== tunDevice);
    const renamed = named === undefined ? others.find(isAttached) : undefined;
    // What a process has open is never removed: packets go through it.
    const stale = others.filter((link) => !isAttached(link));
    const lines = stale.map(({ ifname }) => `link delete dev ${ifname}`);
    await ipRemove(lines, { purpose: 'remove the TUN device of an earlier configuration' });
    if (renamed !== undefined) await renameLink(renamed.ifname, tunDevice);
    else if (named === undefined) createPersistentTun(tunDevice);
    return named === undefined || stale.length > 0 ? listLinks() : links;
  }

  #withIpv6(notices: Notice[]): boolean {
    const { mtuBytes, prefixes } = this.#options;
    if (!familiesOf(prefixes.configured).includes(6)) return false;
    if (notices.some(({ code }) => code === 'node-ipv6-disabled')) return false;
    if (mtuBytes >= IPV6_MIN_MTU) return true;
    const message = `the overlay has no IPv6: its MTU is ${mtuBytes}, and IPv6 needs ${IPV6_MIN_MTU}`;
    notices.push({ code: 'node-ipv6-disabled', message });
    return false;
  }

  async #ensureDevice(link: Link | undefined): Promise<void> {
    const { tunDevice, mtuBytes } = this.#options;
    const wanted = this.#wantedAddresses();
    const present = link === undefined ? [] : addressesOf(link);
    // What is as it should be is left alone: to everything that is set, the kernel answers with reports to the link.
    const settings = [
      ...(link?.ifalias === TUN_ALIAS ? [] : [`alias ${TUN_ALIAS}`]),
      ...(link?.mtu === mtuBytes ? [] : [`mtu ${mtuBytes}`]),
      ...(link?.flags.includes('UP') === true ? [] : ['up']),
    ];
    await ipBatch(
      [
        // No link-local address: a route is all that this device is for.
        ...(generatesLinkLocal(tunDevice) ? [`link set dev ${tunDevice} addrgenmode none`] : []),
        ...(settings.length === 0 ? [] : [`link set dev ${tunDevice} ${settings.join(' ')}`]),
        ...present
          .filter((address) => !wanted.includes(address))
          .map((address) => `address delete ${address} dev ${tunDevice}`),
        ...wanted
          .filter((address) => !present.includes(address))
          .map((address) => `address replace ${address} dev ${tunDevice}${address.includes(':') ? ' nodad' : ''}`),
      ],
      { purpose: `configure the device ${tunDevice}` },
    );
  }

  #wantedAddresses(): string[] {
    return this.#options.nodeAddresses
      .filter(({ family }) => this.#hasIpv6 || family === 4)
      .map((address) => formatPrefix(hostPrefix(address)));
  }

  async #ensureRoutes(present: readonly KernelRoute[]): Promise<void> {
    const wanted = this.#wantedRoutes();
    const stale = staleRoutes(wanted, present);
    const lines = differingRoutes(wanted, present).map(({ type, prefix, metric, device }) => {
      const source = device?.source === undefined ? '' : ` src ${formatIpAddress(device.source)}`;
      const rest = device === undefined ? '' : ` dev ${device.name}${source}`;
      return `route replace ${type} ${formatPrefix(prefix)}${rest} metric ${metric} proto ${ROUTE_PROTOCOL}`;
    });
    // New ones first: at no moment is there none.
    await ipBatch([...lines, ...stale.map(deleteRouteLine)], { purpose: 'set the routes of the overlay' });
  }

  #wantedRoutes(): WantedRoute[] {
    const { clusterPrefixes, servicePrefixes, prefixes, nodeAddresses, tunDevice } = this.#options;
    const throughDevice = (prefix: Prefix): WantedRoute => {
      const source = nodeAddresses.find(({ family }) => family === prefix.address.family);
      return { type: 'unicast', prefix, metric: DEVICE_METRIC, device: { name: tunDevice, source } };
    };
    const wanted = [
      ...clusterPrefixes.flatMap((prefix): WantedRoute[] => [
        throughDevice(prefix),
        { type: 'blackhole', prefix, metric: FALLBACK_METRIC },
      ]),
      ...servicePrefixes().map(throughDevice),
      ...prefixes.current().map((prefix): WantedRoute => ({ type: 'unreachable', prefix, metric: FALLBACK_METRIC })),
    ];
    return wanted.filter(({ prefix }) => this.#hasIpv6 || prefix.address.family === 4);
  }
}

function familiesOf(prefixes: readonly Prefix[]): (4 | 6)[] {
  return [...new Set(prefixes.map(({ address }) => address.family))];
}
