/** What a client wants of a pod, checked. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { formatMacAddress, parseIpAddress, parseMacAddress, type IpAddress } from '../../wire/address.ts';
import { problemOfLabels, type PodLabels } from '../../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE, DNS_LABEL_RULE, isDnsLabel } from '../../directory/pod-name.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { PodRequest } from '../../api/control-api.ts';
import { INTERFACE_NAME_RULE, isInterfaceName } from '../../api/interface-name.ts';
import { prefix } from '../config/config-value.ts';

/** A {@link PodRequest} whose parts were checked. */
export interface PodWish {
  readonly namespace: string;
  /** Absent: whatever it has, if it is there already, and else none. */
  readonly labels?: PodLabels;
  /** Absent: whatever it has, if it is there already, and else the usual one. */
  readonly device?: string;
  readonly netns?: string;
  readonly pid?: number;
  readonly newNetns: boolean;
  readonly addresses?: readonly IpAddress[];
  /** Absent: whatever it has, if it is there already, and else none. */
  readonly allowSources?: readonly Prefix[];
  readonly mac?: string;
}

/** Names of pods that earlier versions made. They go into file names under /run/netns and into device aliases. */
const EARLIER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws ConfigError unless a pod may have the name, be it one of an earlier version, whose name DNS may not carry. */
export function checkPodName(name: string): void {
  if (!EARLIER_NAME.test(name)) throw notAName(name);
}

/** @throws ConfigError unless a new pod may have the name. */
export function checkNewPodName(name: string): void {
  if (!isDnsLabel(name)) throw notAName(name);
}

function notAName(name: string): ConfigError {
  return new ConfigError('name', `${JSON.stringify(name)} is not a name for a pod: ${DNS_LABEL_RULE}`);
}

/** The namespace that somebody means. @throws ConfigError unless a pod may have it. */
export function parseNamespace(text: string | undefined): string {
  const namespace = text ?? DEFAULT_NAMESPACE;
  if (isDnsLabel(namespace)) return namespace;
  throw new ConfigError('namespace', `${JSON.stringify(namespace)} is not a namespace for pods: ${DNS_LABEL_RULE}`);
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
    namespace: parseNamespace(request.namespace),
    ...(request.labels !== undefined && { labels: checkedLabels(request.labels) }),
    ...(request.device !== undefined && { device: checkedDevice(request.device) }),
    ...(netns !== undefined && { netns }),
    ...(pid !== undefined && { pid }),
    newNetns,
    ...(request.addresses !== undefined &&
      request.addresses.length > 0 && { addresses: request.addresses.map(parseWantedAddress) }),
    ...(request.allowSources !== undefined && { allowSources: request.allowSources.map(parseSource) }),
    ...(request.mac !== undefined && { mac: parseWantedMac(request.mac) }),
  };
}

function checkedLabels(labels: PodLabels): PodLabels {
  const problem = problemOfLabels(labels);
  if (problem !== undefined) throw new ConfigError('labels', problem);
  return labels;
}

function checkedDevice(device: string): string {
  if (isInterfaceName(device)) return device;
  throw new ConfigError(
    'device',
    `${JSON.stringify(device)} is not a name for a pod's interface: ${INTERFACE_NAME_RULE}`,
  );
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
