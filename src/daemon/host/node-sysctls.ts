/** Kernel parameters that a node needs, set where that is possible, else named. */
import type { KernelRoute } from '../../linux/route.ts';
import { ensureSysctl, readSysctl, sysctlTitle, WRITABLE_NET, type SysctlOutcome } from '../../linux/sysctl.ts';
import type { Notice } from '../../api/control-api.ts';

/** Protocol number of routes that the kernel learned from router advertisements; and the one it gave them before Linux 4.20. */
const ROUTE_PROTOCOLS_OF_ADVERTISEMENTS = [9, 2];

const IP_FORWARD = 'net/ipv4/ip_forward';
/** What a device starts with: where the device is not there yet, this is what is set from outside. */
const DEFAULT_FORWARDING = 'net/ipv4/conf/default/forwarding';

interface NodeSysctlOptions {
  readonly tunDevice: string;
  /** Of the node's prefixes. */
  readonly families: readonly (4 | 6)[];
  /** All of the node. */
  readonly routes: readonly KernelRoute[];
}

/** Sets them. @returns a notice for each that could not be set and is wrong. */
export function ensureNodeSysctls({ tunDevice, families, routes }: NodeSysctlOptions): Notice[] {
  const notices: Notice[] = [];
  if (families.includes(4)) {
    const effect4 = 'pods reach nothing but the node itself over IPv4, not even one another';
    need(notices, IP_FORWARD, '1', 'ip-forward-off', effect4);
    // Each device has its own; that of all devices sets them when it changes.
    if (readSysctl(IP_FORWARD) === '1') {
      const effect = `nothing that other nodes send to pods gets beyond ${tunDevice}`;
      need(notices, deviceForwarding(tunDevice), '1', 'device-forwarding-off', effect, DEFAULT_FORWARDING);
    }
    notices.push(...reversePathNotices(tunDevice));
    // Errors of the dataplane come in through the device, from this node's own address.
    const accept = `net/ipv4/conf/${tunDevice}/accept_local`;
    const effect = 'pods are not told when a packet is too big';
    need(notices, accept, '1', 'accept-local-off', effect, 'net/ipv4/conf/default/accept_local');
  }
  if (families.includes(6)) {
    const device = `net/ipv6/conf/${tunDevice}/disable_ipv6`;
    const container = 'net/ipv6/conf/default/disable_ipv6';
    need(notices, device, '0', 'node-ipv6-disabled', 'the overlay has no IPv6 on this node', container);
    keepAdvertisedRoutes(routes);
    need(
      notices,
      'net/ipv6/conf/all/forwarding',
      '1',
      'ipv6-forwarding-off',
      'pods reach nothing but the node itself over IPv6, not even one another',
    );
  }
  return notices;
}

/** Those of the parameters that {@link ensureNodeSysctls} sets which have a wrong value now. */
export function wrongNodeSysctls({ tunDevice, families }: Omit<NodeSysctlOptions, 'routes'>): WrongSysctl[] {
  const wanted: readonly (readonly [
    family: 4 | 6,
    name: string,
    isRight: (value: string) => boolean,
    value: string,
  ])[] = [
    [4, IP_FORWARD, (value) => value === '1', '1'],
    [4, deviceForwarding(tunDevice), (value) => value === '1' || readSysctl(IP_FORWARD) !== '1', '1'],
    // The kernel takes the larger one of the device's and that of all devices; 2 is loose.
    [4, `net/ipv4/conf/${tunDevice}/rp_filter`, (value) => value === '2' || (value === '0' && !isStrictForAll()), '2'],
    [4, `net/ipv4/conf/${tunDevice}/accept_local`, (value) => value === '1', '1'],
    [6, `net/ipv6/conf/${tunDevice}/disable_ipv6`, (value) => value === '0', '0'],
    [6, 'net/ipv6/conf/all/forwarding', (value) => value === '1', '1'],
  ];
  return wanted.flatMap(([family, name, isRight, value]): WrongSysctl[] => {
    const found = readSysctl(name);
    if (!families.includes(family) || found === undefined || isRight(found)) return [];
    return [{ title: sysctlTitle(name), wanted: value, found }];
  });
}

/**
 * Has the kernel forward what comes in by a pod's device, over IPv4: without, the pod reaches nothing but its node, whatever
 * `ip_forward` says. IPv6 looks at the parameter of all devices alone.
 *
 * @returns a notice if that could not be set, and is not for want of `ip_forward`.
 */
export function ensureDeviceForwarding(device: string, pod: string): Notice[] {
  const notices: Notice[] = [];
  if (readSysctl(IP_FORWARD) !== '1') return notices;
  const effect = `pod ${pod} reaches nothing but the node itself over IPv4`;
  need(notices, deviceForwarding(device), '1', 'device-forwarding-off', effect, DEFAULT_FORWARDING);
  return notices;
}

/** The same, looked at: as {@link wrongNodeSysctls}. */
export function wrongDeviceForwarding(device: string): WrongSysctl[] {
  const name = deviceForwarding(device);
  const found = readSysctl(name);
  if (found === undefined || found === '1' || readSysctl(IP_FORWARD) !== '1') return [];
  return [{ title: sysctlTitle(name), wanted: '1', found }];
}

function deviceForwarding(device: string): string {
  return `net/ipv4/conf/${device}/forwarding`;
}

/** A parameter that has another value than it should have. */
export interface WrongSysctl {
  readonly title: string;
  readonly wanted: string;
  readonly found: string;
}

/**
 * Strict reverse path filtering on the TUN device would drop what comes from an address whose route leads elsewhere: a pod
 * prefix that a person routes by hand, for one.
 *
 * The expectation is 0 on the device. But the kernel takes the maximum of `all` and the device, and `all` is others' to set: 2,
 * loose, is above the strict 1 and so wins in any case.
 */
function reversePathNotices(tunDevice: string): Notice[] {
  const name = `net/ipv4/conf/${tunDevice}/rp_filter`;
  const outcome = ensureSysctl(name, '2');
  const isStrict = isStrictForAll() || readSysctl(name) === '1';
  if (outcome === 'set' || !isStrict) return [];
  const message = 'packets of other nodes may be dropped as spoofed';
  return [
    { code: 'rp-filter-strict', message: explain(name, '2', outcome, message, 'net/ipv4/conf/default/rp_filter') },
  ];
}

function isStrictForAll(): boolean {
  return readSysctl('net/ipv4/conf/all/rp_filter') === '1';
}

/** A node that forwards ignores router advertisements, and so would lose its own default route, unless `accept_ra` is 2. */
function keepAdvertisedRoutes(routes: readonly KernelRoute[]): void {
  if (readSysctl('net/ipv6/conf/all/forwarding') === '1') return;
  const advertised = routes.filter(
    ({ family, dst, protocol }) =>
      family === 6 && dst === 'default' && ROUTE_PROTOCOLS_OF_ADVERTISEMENTS.includes(protocol),
  );
  for (const device of new Set(advertised.map(({ dev }) => dev))) {
    const name = `net/ipv6/conf/${device}/accept_ra`;
    if (readSysctl(name) === '1') ensureSysctl(name, '2');
  }
}

/** @param containerName what to set from outside, where the device does not exist before the container runs. */
function need(
  notices: Notice[],
  name: string,
  value: string,
  code: string,
  effect: string,
  containerName = name,
): void {
  const outcome = ensureSysctl(name, value);
  if (outcome !== 'set') notices.push({ code, message: explain(name, value, outcome, effect, containerName) });
}

function explain(name: string, value: string, outcome: SysctlOutcome, effect: string, containerName: string): string {
  if (outcome === 'missing') return `${sysctlTitle(name)} does not exist in this kernel: ${effect}`;
  const why = outcome === 'read-only' ? '/proc/sys is read-only' : 'it may not be written';
  const remedy = `start the container with --sysctl ${sysctlTitle(containerName)}=${value}, or mount /proc/sys/net at ${WRITABLE_NET}`;
  return `${sysctlTitle(name)} is ${readSysctl(name)} and ${why}: ${effect}; ${remedy}`;
}
