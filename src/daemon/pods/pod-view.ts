/** A pod, as the control API shows it. */
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix } from '../../wire/prefix.ts';
import type { Notice, Pod } from '../../api/control-api.ts';
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';
import { POD_DEVICE, titleOf } from './pod-key.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import type { PodRecord } from './pod-record.ts';

/** What is known of a pod beyond its record. */
export interface PodFacts {
  readonly addresses: readonly IpAddress[];
  /** Those of them that no pod of this node could get any more. */
  readonly outside: readonly IpAddress[];
  /** Prefixes that it may send from besides. */
  readonly allowSources: readonly Prefix[];
  /** About those that it may not send from any more. */
  readonly sourceNotices: readonly Notice[];
  readonly mtuBytes: number;
  /** Whether the node's end of its cable is there. */
  readonly hasDevice: boolean;
  /** What was missing or wrong inside of it when it was looked into last. */
  readonly faults: readonly string[];
}

/** Puts it together. */
export function podView(record: PodRecord, facts: PodFacts): Pod {
  const { name, network, netns, hostDevice, mac, createdAt, notices } = record;
  const { namespace = DEFAULT_NAMESPACE, labels = {}, device = POD_DEVICE, attachment } = record;
  const outside = facts.outside.map(formatIpAddress);
  const message = `pod ${titleOf(record)} has ${outside.join(', ')}, outside of this node's prefixes of today: remove it and add it again`;
  return {
    name,
    namespace,
    labels,
    network,
    netns,
    addresses: facts.addresses.map(formatIpAddress),
    allowSources: facts.allowSources.map(formatPrefix),
    attachment:
      attachment === undefined ? null : { containerId: attachment.containerId, cniNetwork: attachment.cniNetwork },
    device,
    mac,
    hostDevice,
    mtuBytes: facts.mtuBytes,
    createdAt,
    state: !facts.hasDevice
      ? isPlaceReachable(record)
        ? 'disconnected'
        : 'gone'
      : facts.faults.length > 0
        ? 'broken'
        : 'running',
    faults: facts.hasDevice ? facts.faults : [],
    notices: [
      ...notices,
      ...renamed(record),
      ...(outside.length === 0 ? [] : [{ code: 'pod-address-outside-prefixes', message }]),
      ...facts.sourceNotices,
    ],
  };
}

function renamed({ name, attachment }: PodRecord): Notice[] {
  const given = attachment?.givenName;
  if (given === undefined) return [];
  const message = `the runtime calls pod ${name} ${JSON.stringify(given)}, which DNS cannot carry`;
  return [{ code: 'pod-renamed', message }];
}
