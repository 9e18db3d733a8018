/** What a client wants of a pod, checked. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { formatMacAddress, parseIpAddress, parseMacAddress, type IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { PodRequest } from '../../api/control-api.ts';
import { prefix } from '../config/config-value.ts';

/** A {@link PodRequest} whose parts were checked. */
export interface PodWish {
  readonly netns?: string;
  readonly pid?: number;
  readonly newNetns: boolean;
  readonly addresses?: readonly IpAddress[];
  /** Absent: whatever it has, if it is there already, and else none. */
  readonly allowSources?: readonly Prefix[];
  readonly mac?: string;
}

/** Names go into URLs, into file names under /run/netns and into device aliases. */
const POD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws ConfigError unless `name` may be a pod's. */
export function checkPodName(name: string): void {
  if (POD_NAME.test(name)) return;
  const rule = '1 to 128 letters, digits, dots, hyphens and underscores, the first a letter or digit';
  throw new ConfigError('name', `${JSON.stringify(name)} is not a name for a pod: ${rule}`);
}

/** @throws ConfigError naming the part that is wrong. */
export function parsePodRequest(name: string, request: PodRequest): PodWish {
  checkPodName(name);
  const { netns, pid, newNetns = false } = request;
  const ways = [netns !== undefined, pid !== undefined, newNetns].filter(Boolean).length;
  if (ways !== 1) throw new ConfigError('', 'a pod needs exactly one of netns, pid and newNetns');
  if (netns === '') throw new ConfigError('netns', 'is empty');
  if (pid !== undefined && !(Number.isInteger(pid) && pid > 0))
    throw new ConfigError('pid', `${pid} is not a process id`);
  return {
    ...(netns !== undefined && { netns }),
    ...(pid !== undefined && { pid }),
    newNetns,
    ...(request.addresses !== undefined &&
      request.addresses.length > 0 && { addresses: request.addresses.map(parseWantedAddress) }),
    ...(request.allowSources !== undefined && { allowSources: request.allowSources.map(parseSource) }),
    ...(request.mac !== undefined && { mac: parseWantedMac(request.mac) }),
  };
}

function parseWantedAddress(text: string, at: number): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new ConfigError(`addresses[${at}]`, `${text} is not an IP address`);
  return address;
}

function parseSource(text: string, at: number): Prefix {
  const result = v.safeParse(prefix(), text);
  if (result.success) return result.output;
  throw new ConfigError(`allowSources[${at}]`, result.issues[0].message);
}

function parseWantedMac(text: string): string {
  const mac = parseMacAddress(text);
  if (mac === undefined) throw new ConfigError('mac', `${text} is not a MAC address`);
  const isGroup = (mac[0]! & 1) === 1;
  if (isGroup || mac.every((byte) => byte === 0))
    throw new ConfigError('mac', `${text} is not the address of one device`);
  return formatMacAddress(mac);
}
