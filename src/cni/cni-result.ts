/** What a plugin answers to ADD (CNI 1.1, "Success"), and what it is given of the plugins before it. */
import type { Attached } from '../api/cni-api.ts';
import { CniCode, CniError } from './cni-error.ts';
import { isAtLeast, type CniVersion } from './cni-version.ts';

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the network namespace; absent: it is the node's. */
  readonly sandbox?: string;
}

export interface CniIp {
  /** With its length. */
  readonly address: string;
  readonly gateway?: string;
  /** Which of the interfaces has it, from 0. */
  readonly interface?: number;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
}

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

const NOTHING: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

/** What another plugin answered. @param path of the document, for the error. @throws CniError 6 */
export function parseResult(document: unknown, path: string): CniResult {
  if (typeof document !== 'object' || document === null) throw undecodable(path, 'is not an object');
  const parts = document as Partial<Record<keyof CniResult, unknown>>;
  const list = <Part>(key: 'interfaces' | 'ips' | 'routes', needed: keyof Part & string): readonly Part[] => {
    const value = parts[key] ?? [];
    if (!Array.isArray(value)) throw undecodable(`${path}.${key}`, 'is not a list');
    const wrong = value.findIndex(
      (one: unknown) => typeof (one as Partial<Record<string, unknown>> | null)?.[needed] !== 'string',
    );
    if (wrong !== -1) throw undecodable(`${path}.${key}[${wrong}]`, `has no ${needed}`);
    return value as readonly Part[];
  };
  return {
    interfaces: list<CniInterface>('interfaces', 'name'),
    ips: list<CniIp>('ips', 'address'),
    routes: list<CniRoute>('routes', 'dst'),
    dns: parts.dns ?? {},
  };
}

/**
 * What was attached, behind what plugins before this one made.
 *
 * @param netns as the runtime calls it.
 */
export function resultOf(
  { pod, hostMac, gateways, hasDefaultRoute, dns: ours }: Attached,
  netns: string,
  dns: CniDns | undefined,
  before: CniResult = NOTHING,
): CniResult {
  const hasIpv6 = !pod.notices.some(({ code }) => code === 'pod-ipv6-disabled');
  const given = pod.addresses
    .map((address, at) => ({ address, gateway: gateways[at]!, isIpv6: address.includes(':') }))
    .filter(({ isIpv6 }) => hasIpv6 || !isIpv6);
  const own = before.interfaces.length + 1;
  const defaults = [...new Map(given.map((one) => [one.isIpv6, one])).values()];
  return {
    interfaces: [
      ...before.interfaces,
      { name: pod.hostDevice, mac: hostMac, mtu: pod.mtuBytes },
      { name: pod.device, mac: pod.mac, mtu: pod.mtuBytes, sandbox: netns },
    ],
    ips: [
      ...before.ips,
      ...given.map(({ address, gateway, isIpv6 }) => ({
        address: `${address}/${isIpv6 ? 128 : 32}`,
        gateway,
        interface: own,
      })),
    ],
    routes: [
      ...before.routes,
      ...(hasDefaultRoute
        ? defaults.map(({ gateway, isIpv6 }) => ({ dst: isIpv6 ? '::/0' : '0.0.0.0/0', gw: gateway }))
        : []),
    ],
    dns: dns ?? (ours === null ? before.dns : ours),
  };
}

/** The document of a result, in the words of a version. */
export function resultDocument({ interfaces, ips, routes, dns }: CniResult, cniVersion: CniVersion): object {
  const hasMtu = isAtLeast(cniVersion, '1.1.0');
  const hasFamily = !isAtLeast(cniVersion, '1.0.0');
  return {
    cniVersion,
    interfaces: interfaces.map(({ mtu, ...one }) => ({ ...one, ...(hasMtu && mtu !== undefined && { mtu }) })),
    ips: ips.map((ip) => ({ ...(hasFamily && { version: ip.address.includes(':') ? '6' : '4' }), ...ip })),
    routes,
    dns,
  };
}

function undecodable(path: string, problem: string): CniError {
  return new CniError(CniCode.undecodable, `${path}: ${problem}`);
}
