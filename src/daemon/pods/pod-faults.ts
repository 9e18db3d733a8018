/** What is wrong inside of a pod, compared with what `weft pod add` gave it. Pure. */
import { formatIpAddress } from '../../wire/address.ts';
import type { PodInterior } from './pod-interior.ts';
import type { PodCable } from './pod-wiring.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';

/** One thing. */
export interface PodFault {
  /** In a few words: `no default route`. */
  readonly message: string;
  /** Whether connecting the pod once more puts it right. */
  readonly isRepairable: boolean;
}

/** What a pod was given: its own end of the cable. */
export type GivenCable = Pick<PodCable, 'device' | 'onlyTo' | 'addresses' | 'mtuBytes' | 'podMac' | 'hostMac'>;

/** Empty: all is as it was given. */
export function podFaults(cable: GivenCable, inside: PodInterior): PodFault[] {
  const { device: name, addresses, mtuBytes, podMac, hostMac } = cable;
  const { device, parameters } = inside;
  if (device === undefined) return [repairable(`no ${name}`)];
  const families = ([4, 6] as const).filter((family) => addresses.some((address) => address.family === family));
  const isIpv6Off = families.includes(6) && parameters[`ipv6/conf/${name}/disable_ipv6`] === '1';
  if (!device.isUp) return [repairable(`${name} is down`)];
  return [
    ...(device.hasCarrier ? [] : [repairable(`${name} has no carrier: the node's end is down`)]),
    ...(device.mtuBytes === mtuBytes
      ? []
      : [repairable(`the MTU of ${name} is ${device.mtuBytes}, and not ${mtuBytes}`)]),
    ...(device.mac === podMac ? [] : [repairable(`the MAC address of ${name} is ${device.mac}, and not ${podMac}`)]),
    ...(isIpv6Off ? [repairable('IPv6 is off')] : []),
    ...addresses
      .filter(({ family }) => family === 4 || !isIpv6Off)
      .map((address) => `${formatIpAddress(address)}/${address.family === 4 ? 32 : 128}`)
      .filter((address) => !device.addresses.includes(address))
      .map((address) => repairable(`no address ${address}`)),
    ...families.filter((family) => family === 4 || !isIpv6Off).flatMap((family) => routeFaults(family, cable, inside)),
    ...families.flatMap((family) => neighbourFaults(family, hostMac, inside)),
  ];
}

function routeFaults(family: 4 | 6, { device: name, onlyTo }: GivenCable, { mainRoutes }: PodInterior): PodFault[] {
  const routes = mainRoutes[family];
  const [best] = routes;
  const kind = onlyTo === undefined ? 'default route' : 'route to the overlay';
  const what = family === 4 ? kind : `IPv6 ${kind}`;
  if (best === undefined) return [repairable(`no ${what}`)];
  const isOurs = best.gateway === POD_GATEWAY[family] && best.device === name;
  if (isOurs) return [];
  const place = best.gateway === '' ? `out of ${best.device}` : `to ${best.gateway} out of ${best.device}`;
  const isBeside = routes.some(({ gateway }) => gateway === POD_GATEWAY[family]);
  // Where ours is there as well, somebody gave the pod another one on purpose: it cannot be told which is meant.
  const message = `the ${what} leads ${place}, and not to ${POD_GATEWAY[family]}`;
  return [isBeside ? { message, isRepairable: false } : repairable(message)];
}

function neighbourFaults(family: 4 | 6, hostMac: string, { neighbours }: PodInterior): PodFault[] {
  const known = neighbours.find(({ address }) => address === POD_GATEWAY[family]);
  if (known === undefined) return [];
  if (known.states.includes('FAILED'))
    return [{ message: `its gateway ${known.address} does not answer`, isRepairable: false }];
  if (known.mac === '' || known.mac === hostMac) return [];
  const message = `its gateway ${known.address} is taken to be ${known.mac}, and is ${hostMac}`;
  return [{ message, isRepairable: false }];
}

function repairable(message: string): PodFault {
  return { message, isRepairable: true };
}
