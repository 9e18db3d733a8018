/** A new pair with all that the node's end has, made without a program: what `pod-wiring.ts` has `ip` do in other cases. */
import { WeftError } from '../../errors.ts';
import { libc } from '../../linux/ffi.ts';
import { Gathering } from '../../linux/gathering.ts';
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { aliasMessage, vethMessage, withoutLinkLocalMessage } from '../../linux/link-message.ts';
import { openNetworkNamespace } from '../../linux/network-namespace.ts';
import { addressMessage, hostRouteMessage, linkUpMessage } from '../../linux/route-message.ts';
import { deviceIndex, RouteSocket, type RouteRequest } from '../../linux/route-socket.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';
import type { NewPodEnd } from './pod-interior-setup.ts';

const gateways = { 4: parseIpAddress(POD_GATEWAY[4])!, 6: parseIpAddress(POD_GATEWAY[6])! } as const;

/** Length of the network that IPv6 has on each link, in bits (RFC 4291, section 2.5.6). */
const LINK_LOCAL_BITS = 64;

/** What both ends of a cable are given, where no prefix lies behind it. */
export interface NewCable extends NewPodEnd {
  readonly hostDevice: string;
  readonly alias: string;
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtuBytes: number;
  /** What the node itself sends from, towards a pod of the family. */
  readonly nodeAddresses: readonly IpAddress[];
}

/**
 * Makes the pair, with all that its node's end has. On failure, it may be there.
 *
 * @throws CommandError as `ip` would
 */
export async function makeCable(cable: NewCable): Promise<void> {
  await cables.add(cable);
}

/** One after the other: in the kernel they would be, anyway, and other work is to have threads left. */
const cables = new Gathering<NewCable>(async (all) => {
  const failures: unknown[] = [];
  for (const cable of all) {
    try {
      await make(cable);
      failures.push(undefined);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      failures.push(error);
    }
  }
  return failures;
});

async function make(cable: NewCable): Promise<void> {
  const purpose = `connect pod ${cable.pod}`;
  const { device, hostDevice, hostMac, podMac, mtuBytes } = cable;
  const socket = new RouteSocket(purpose);
  try {
    const netns = openNetworkNamespace(cable.netns);
    try {
      const hostEnd = { name: hostDevice, mac: hostMac, mtuBytes };
      const message = vethMessage(hostEnd, { name: device, mac: podMac, mtuBytes }, netns);
      await socket.requestAll([{ message, words: `link add name ${hostDevice} type veth peer name ${device}` }]);
    } finally {
      libc.close(netns);
    }
    const index = deviceIndex(hostDevice);
    if (index !== undefined) await socket.requestAll(hostEndRequests(cable, index));
  } finally {
    socket.close();
  }
}

function hostEndRequests(cable: NewCable, index: number): RouteRequest[] {
  const { hostDevice: device, alias, addresses, nodeAddresses } = cable;
  const hasIpv6 = addresses.some(({ family }) => family === 6);
  const link = addressMessage(index, gateways[4], undefined, true);
  const link6 = addressMessage(index, gateways[6], LINK_LOCAL_BITS);
  return [
    { message: aliasMessage(index, alias), words: `link set dev ${device} alias ${alias}` },
    // Before it is up, when it would get one.
    { message: withoutLinkLocalMessage(index), words: `link set dev ${device} addrgenmode none` },
    { message: linkUpMessage(index), words: `link set dev ${device} up` },
    { message: link, words: `address replace ${POD_GATEWAY[4]}/32 dev ${device} scope link` },
    ...(hasIpv6 ? [{ message: link6, words: `address replace ${POD_GATEWAY[6]}/64 dev ${device} nodad` }] : []),
    ...addresses.map((destination): RouteRequest => {
      const source = nodeAddresses.find(({ family }) => family === destination.family);
      const message = hostRouteMessage(index, { destination, source, protocol: ROUTE_PROTOCOL });
      return { message, words: `route replace ${formatIpAddress(destination)} dev ${device}` };
    }),
  ];
}
