/** The pod's end of a new pair, furnished without a program: what a script does in other cases, see `pod-wiring.ts`. */
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { enterNetworkNamespace } from '../../linux/network-namespace.ts';
import { addressMessage, linkUpMessage, routeMessage } from '../../linux/route-message.ts';
import { deviceIndex, RouteSocket } from '../../linux/route-socket.ts';
import { ensureSysctl } from '../../linux/sysctl.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';

const gateways = { 4: parseIpAddress(POD_GATEWAY[4])!, 6: parseIpAddress(POD_GATEWAY[6])! } as const;

/** What the pod's end of a cable is given. */
export interface NewPodEnd {
  readonly pod: string;
  readonly netns: string;
  readonly device: string;
  readonly addresses: readonly IpAddress[];
}

/** What has an index of its own in every namespace. */
const LOOPBACK_INDEX = 1;

/**
 * Sets up the pod's end with its addresses and default routes. This thread is in the pod's namespace meanwhile, and does nothing else.
 *
 * @returns whether that was done; if not, as IPv6 is off and cannot be turned on from here, nothing was.
 * @throws CommandError also if somebody else's default route is there
 */
export function setUpNewPodEnd(end: NewPodEnd, withIpv6: boolean): boolean {
  const leave = enterNetworkNamespace(end.netns);
  try {
    if (withIpv6 && !turnOnIpv6(end.device)) return false;
    const index = deviceIndex(end.device);
    if (index === undefined) return false;
    setUp(end, index, withIpv6);
    return true;
  } finally {
    leave();
  }
}

function setUp(end: NewPodEnd, index: number, withIpv6: boolean): void {
  const { pod, device, addresses } = end;
  const socket = new RouteSocket(`connect pod ${pod} on its side`);
  try {
    socket.request(linkUpMessage(LOOPBACK_INDEX), 'link set dev lo up');
    socket.request(linkUpMessage(index), `link set dev ${device} up`);
    const families = ([4, 6] as const).filter((family) => family === 4 || withIpv6);
    for (const family of families) {
      const own = addresses.filter((address) => address.family === family);
      const [source] = own;
      if (source === undefined) continue;
      for (const address of own)
        socket.request(addressMessage(index, address), `address add ${formatIpAddress(address)} dev ${device}`);
      const gateway = gateways[family];
      const route = { source, protocol: ROUTE_PROTOCOL };
      // IPv6 finds its gateway through the link-local network that every device is in.
      if (family === 4) {
        const link = routeMessage(index, { ...route, destination: gateway, gateway: undefined });
        socket.request(link, `route add ${POD_GATEWAY[4]} dev ${device}`);
      }
      const way = routeMessage(index, { ...route, destination: undefined, gateway });
      socket.request(way, `route add default via ${POD_GATEWAY[family]} dev ${device}`);
    }
  } finally {
    socket.close();
  }
}

/** @returns whether it is on. */
function turnOnIpv6(device: string): boolean {
  const conf = 'net/ipv6/conf';
  const isOn = ['all', 'default', 'lo', device].every(
    (name) => ensureSysctl(`${conf}/${name}/disable_ipv6`, '0') === 'set',
  );
  // No duplicate address detection: there are two ends, and a second of waiting would be for nothing.
  ensureSysctl(`${conf}/${device}/accept_dad`, '0');
  // A link-local address made from the MAC address: the node lets no other one through.
  ensureSysctl(`${conf}/${device}/addr_gen_mode`, '0');
  return isOn;
}
