/** The pods of this node as the daemon knows them: what is stored of each, what it may send from, and what was seen in it. */
import type { Logger } from '../../env/logger.ts';
import type { BootClock } from '../../env/boot-clock.ts';
import { deviceNames, hasDevice } from '../../linux/device-names.ts';
import type { NftWitness } from '../../linux/nft-owned-tables.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { FittingPod } from '../../kubernetes/told-pod.ts';
import type { Pod } from '../../api/control-api.ts';
import type { StateJournal } from '../state/state-journal.ts';
import { AllowedSources, type AllowedSourcesOptions } from './allowed-sources.ts';
import type { AddressedPod } from './announced-pods.ts';
import { PodBook } from './pod-book.ts';
import { PodLooks } from './pod-looks.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import { keyOf, POD_DEVICE, type PodIdentity, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { hostDeviceAlias, macOfPod } from '../host/pod-devices.ts';
import type { PodResolver } from './pod-resolver-file.ts';
import { PodSources } from './pod-sources.ts';
import { podView } from './pod-view.ts';
import type { PodCable } from './pod-wiring.ts';
import type { PodSource } from './source-rules.ts';

export interface PodsOptions extends AllowedSourcesOptions {
  /** Before the pod's name in the name of a namespace that is made for it. */
  readonly netnsPrefix: string;
  /** One in each node prefix; on the TUN device already. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Of the overlay. */
  readonly mtuBytes: number;
  /** Of pods and leases. */
  readonly journal: StateJournal;
  readonly bootClock: BootClock;
  /** Who knows what others changed in nftables; absent: an audit looks at the tables after every change of anybody. */
  readonly nftWitness?: NftWitness;
  readonly wallClockMs: () => number;
  /** What namespaces that are made for pods get to ask for names; `undefined`: nothing. */
  readonly resolver?: PodResolver | undefined;
  /**
   * Labels and named ports that somebody else gives to pods. `unknown`: somebody does, and which is not known; `undefined`, or absent: nobody
   * does, so that it has the labels of its record, and no ports.
   */
  readonly toldOf?: (record: PodRecord) => FittingPod | 'unknown' | undefined;
  /** What stands where cables of pods meet the node; absent: nothing does. */
  readonly edge?: PodEdge;
  /** Called after everything that may have changed a pod. */
  readonly onChange?: () => void;
  readonly logger: Logger;
}

/** Who has something stand where the cable of a pod meets the node. */
export interface PodEdge {
  /** Waits for what is to be known of a pod before {@link prepare}, for a bounded time. Of containers outside of the turn of pods, of pods by hand in it. Changes nothing, and never rejects. */
  expect(pod: PodIdentity): Promise<void>;
  /** Before the cable is made. What it throws is why the pod is not made. */
  prepare(record: PodRecord): Promise<void>;
  /** When the cable is gone. */
  release(record: PodRecord): Promise<void>;
}

/** Everything that those work on who make, mend and remove pods. Changes nothing by itself. */
export class KnownPods {
  readonly options: PodsOptions;
  readonly book: PodBook;
  readonly allowed: AllowedSources;
  readonly looks = new PodLooks();
  /** What each may send from, in the kernel. */
  readonly sources: PodSources;
  /** What somebody else told of pods last, by key. It counts as long as they are there: their objects may be deleted before they are. */
  readonly #told = new Map<string, FittingPod>();

  /** @throws WeftError `store-corrupt`. */
  constructor(options: PodsOptions) {
    this.options = options;
    this.sources = new PodSources(options.nftWitness);
    this.book = new PodBook(options.journal, options.prefixes.configured, options.bootClock);
    this.allowed = new AllowedSources(options, this.book.all());
  }

  /** Its pair, addresses and routes, as they should be. */
  cable(record: PodRecord): PodCable {
    const { network, netns, device = POD_DEVICE, hostDevice, mac } = record;
    const key = keyOf(record);
    return {
      key,
      pod: titleOf(record),
      device,
      hasDefaultRoute: record.hasDefaultRoute ?? true,
      ...(record.attachment?.alongside === true && { onlyTo: this.options.clusterPrefixes }),
      netns,
      hostDevice,
      alias: hostDeviceAlias(network, key),
      hostMac: macOfPod(network, key, 'node'),
      podMac: mac,
      mtuBytes: this.options.mtuBytes,
      addresses: this.book.addressesOf(record),
      allowSources: this.allowed.of(record),
      nodeAddresses: this.options.nodeAddresses,
    };
  }

  /** What it may send from. */
  source(record: PodRecord): PodSource {
    const { hostDevice, mac } = record;
    const [addresses, allowSources] = [this.book.addressesOf(record), this.allowed.of(record)];
    return { pod: titleOf(record), device: hostDevice, mac, addresses, allowSources };
  }

  /** As people and programs are told of it. @param devices of the node; absent: one looks. */
  view(record: PodRecord, devices?: ReadonlySet<string>): Pod {
    const addresses = this.book.addressesOf(record);
    return podView(this.told({ record, addresses }).record, {
      addresses,
      outside: this.book.addressesOutside(record),
      allowSources: this.allowed.of(record),
      sourceNotices: this.allowed.noticesOf(record),
      mtuBytes: this.options.mtuBytes,
      hasDevice: isDeviceThere(record, devices),
      faults: this.looks.of(keyOf(record))?.faults.map(({ message }) => message) ?? [],
    });
  }

  /** A pod with the labels that it has now, and its ports that have names. */
  told({ record, addresses }: AddressedPod): AddressedPod {
    const now = this.options.toldOf?.(record);
    if (now === undefined) return { record, addresses, ports: [] };
    const key = keyOf(record);
    if (now !== 'unknown') this.#told.set(key, now);
    const told = this.#told.get(key);
    if (told === undefined) return { record, addresses, ports: [], hasMorePorts: true, hasMoreLabels: true };
    const { labels, ports, hasMorePorts, cutLabels } = told;
    return { record: { ...record, labels }, addresses, ports, hasMorePorts, hasMoreLabels: cutLabels > 0 };
  }

  /** A pod is not there any more. What was seen and told of it, nobody needs. */
  forget(key: string): void {
    this.looks.forget(key);
    this.#told.delete(key);
  }

  /** Those whose cable is not there any more, and whose namespace is not where it was. */
  gone(): PodRecord[] {
    const devices = deviceNames();
    return this.book.all().filter((record) => record.phase === 'ready' && isGone(record, devices));
  }
}

/** Whether neither its cable nor its namespace is there. @param devices of the node; absent: one looks. */
export function isGone(record: PodRecord, devices?: ReadonlySet<string>): boolean {
  return !isDeviceThere(record, devices) && !isPlaceReachable(record);
}

function isDeviceThere({ hostDevice }: PodRecord, devices: ReadonlySet<string> | undefined): boolean {
  return devices === undefined ? hasDevice(hostDevice) : devices.has(hostDevice);
}
