/** Whether a pod's cable is as it should be, as far as one can see without touching it. */
import { runCommand } from '../../linux/command.ts';
import { addressesOf, type Link } from '../../linux/link.ts';
import type { KernelRoute } from '../../linux/route.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { Finding } from '../audit/audit-finding.ts';
import { sysctlFinding } from '../host/host-findings.ts';
import { wrongDeviceForwarding } from '../host/node-sysctls.ts';
import { mainRouteCommand, hostRoutes, type PodCable } from './pod-wiring.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';

/** What the node's namespace has, read once for all pods. */
export interface HostState {
  readonly links: readonly Link[];
  /** Ours. */
  readonly routes: readonly KernelRoute[];
}

/** What became of the node's end of a pair: it is there, perhaps under another name or without its alias; or it is not. */
export type HostEnd =
  | { readonly kind: 'here' | 'unnamed' | 'deleted' }
  | { readonly kind: 'renamed'; readonly name: string }
  /** Its name is that of somebody else's device. */
  | { readonly kind: 'taken' };

/** Told by name, alias and MAC address: somebody may have changed one of them by hand. */
export function findHostEnd({ hostDevice, alias, hostMac }: PodCable, { links }: Pick<HostState, 'links'>): HostEnd {
  const named = links.find(({ ifname }) => ifname === hostDevice);
  if (named?.ifalias === alias) return { kind: 'here' };
  const renamed = links.find(({ ifalias, linkinfo }) => ifalias === alias && linkinfo?.info_kind === 'veth');
  if (named === undefined)
    return renamed === undefined ? { kind: 'deleted' } : { kind: 'renamed', name: renamed.ifname };
  return { kind: named.linkinfo?.info_kind === 'veth' && named.address === hostMac ? 'unnamed' : 'taken' };
}

/** What is wrong with the node's end of a pod whose namespace is there. */
export function cableFindings(cable: PodCable, host: HostState): Finding[] {
  const { pod, hostDevice } = cable;
  const of = `${hostDevice}, of pod ${pod}`;
  const end = findHostEnd(cable, host);
  const wrong = (message: string): Finding => ({ problem: 'wrong', subject: hostDevice, message });
  if (end.kind === 'here') return hostEndFindings(cable, host);
  if (end.kind === 'unnamed') return [wrong(`the alias of ${of}, is not ${cable.alias}`)];
  if (end.kind === 'renamed') return [wrong(`the device ${of}, was renamed to ${end.name}`)];
  if (end.kind === 'deleted')
    return [missing(hostDevice, `the device ${of}, was deleted, while the pod's namespace is there`)];
  const message = `the node has a device ${hostDevice} that is not weft's, so that pod ${pod} cannot be connected`;
  return [{ problem: 'foreign', subject: hostDevice, message }];
}

/** Whether the node's end of the pair is there, whatever somebody calls it: then the pod is there as well, and has its addresses. */
export function hasHostEnd(cable: PodCable, host: Pick<HostState, 'links'>): boolean {
  return ['here', 'unnamed', 'renamed'].includes(findHostEnd(cable, host).kind);
}

/** Whether the node's end has its MTU, addresses and routes. */
export function isHostEndFurnished(cable: PodCable, host: HostState): boolean {
  return hostEndFindings(cable, host).length === 0;
}

/** What the node's end lacks. */
function hostEndFindings(cable: PodCable, host: HostState): Finding[] {
  const { pod, hostDevice, mtuBytes, addresses } = cable;
  const link = hostEnd(cable, host);
  const of = `${hostDevice}, of pod ${pod}`;
  if (link === undefined) return [missing(hostDevice, `the device ${of}, is gone`)];
  const wrong = (message: string): Finding => ({ problem: 'wrong', subject: hostDevice, message });
  const has = new Set(addressesOf(link));
  const routes = new Set(
    host.routes.filter(({ dev }) => dev === hostDevice).map(({ dst, gateway }) => wayOf(dst, gateway)),
  );
  const gateways = [...new Set(addresses.map(({ family }) => `${POD_GATEWAY[family]}/${family === 4 ? 32 : 64}`))];
  return [
    ...(link.mtu === mtuBytes ? [] : [wrong(`the MTU of ${of}, is ${link.mtu}, and not ${mtuBytes}`)]),
    ...(link.flags.includes('UP') ? [] : [wrong(`the device ${of}, is down`)]),
    ...gateways.filter((gateway) => !has.has(gateway)).map((gateway) => missing(gateway, `${of}, lacks ${gateway}`)),
    ...hostRoutes(cable)
      .filter(({ destination, gateway }) => !routes.has(wayOf(destination, gateway)))
      .map(({ destination }) => missing(destination, `the route to ${destination} by ${of}, is gone`)),
    ...staleHostRoutes(cable, host).map(({ dst }): Finding => {
      return {
        problem: 'stale',
        subject: dst,
        message: `there is a route to ${dst} by ${of}, behind which it does not lie`,
      };
    }),
    ...(addresses.some(({ family }) => family === 4) ? wrongDeviceForwarding(hostDevice).map(sysctlFinding) : []),
  ];
}

/** Routes of ours that lead behind the pod, to what does not lie there, or not that way. */
export function staleHostRoutes(cable: PodCable, { routes }: Pick<HostState, 'routes'>): KernelRoute[] {
  const wanted = new Set(hostRoutes(cable).map(({ destination, gateway }) => wayOf(destination, gateway)));
  return routes.filter(
    ({ dev, dst, gateway }) => dev === cable.hostDevice && gateway !== undefined && !wanted.has(wayOf(dst, gateway)),
  );
}

function wayOf(destination: string, gateway = ''): string {
  return gateway === '' ? destination : `${destination} via ${gateway}`;
}

/** Whether the pod's end has its MTU, addresses and default routes. One run of a program. */
export async function isPodEndFurnished(cable: PodCable): Promise<boolean> {
  const script = `ip -details -json address show dev ${cable.device} && ${[4, 6].map((family) => mainRouteCommand(cable, family as 4 | 6)).join(' && ')}`;
  try {
    const text = await runCommand(['sh', '-c', script], {
      purpose: `look at pod ${cable.pod}`,
      netns: cable.netns,
      timeoutMs: 4_000,
      maxOutputBytes: 512 * 1024,
    });
    // One JSON document per line.
    const [links, ...routes] = text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as unknown[]);
    const link = links?.[0] as Link | undefined;
    const gateways = routes.flat().map((route) => (route as { gateway?: string }).gateway);
    if (link === undefined || link.mtu !== cable.mtuBytes || !link.flags.includes('UP')) return false;
    const has = new Set(addressesOf(link));
    return cable.addresses.every(
      (address) =>
        has.has(`${formatIpAddress(address)}/${address.family === 4 ? 32 : 128}`) &&
        gateways.includes(POD_GATEWAY[address.family]),
    );
  } catch {
    return false;
  }
}

function missing(subject: string, message: string): Finding {
  return { problem: 'missing', subject, message };
}

function hostEnd(cable: PodCable, host: HostState): Link | undefined {
  return host.links.find(({ ifname, ifalias }) => ifname === cable.hostDevice && ifalias === cable.alias);
}
