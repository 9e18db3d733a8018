/** Making pods of this node, for people and for containers. */
import { basename } from 'node:path';
import { ConflictError } from '../../errors.ts';
import { hasDevice } from '../../linux/device-names.ts';
import { namespaceIdentity } from '../../linux/namespace-files.ts';
import type { Notice, Pod } from '../../api/control-api.ts';
import { describeHolder } from '../../ipam/lease.ts';
import { equalLabels } from '../../directory/pod-labels.ts';
import { podTitle } from '../../directory/pod-name.ts';
import { refuseWithoutIpv6 } from './allowed-sources.ts';
import { hiddenNamespaceNotices } from './hidden-namespace.ts';
import { removeLeftover } from './leftover-device.ts';
import { refusing } from './pod-book.ts';
import { podDifferences } from './pod-differences.ts';
import { placeOf, refuseSharing, type PodPlace } from './pod-namespace.ts';
import {
  keyByHand,
  keyOf,
  keyOfAttachment,
  leaseKeyOfPod,
  POD_DEVICE,
  titleOf,
  type PodAttachment,
} from './pod-key.ts';
import { newPodRecord, type PodRecord } from './pod-record.ts';
import { checkNewPodName, type PodWish } from './pod-request.ts';
import { namingGonePods } from './pod-shortage.ts';
import { writeResolverFile } from './pod-resolver-file.ts';
import type { AttachedPod, WantedAttachment } from './wanted-attachment.ts';
import { connectPod, isDefaultRouteTaken, type PodCable } from './pod-wiring.ts';
import { isGone, type KnownPods } from './known-pods.ts';
import type { PodRemoval } from './pod-removal.ts';
import type { PodUpkeep } from './pod-upkeep.ts';

export class PodMaking {
  readonly #known: KnownPods;
  readonly #removal: PodRemoval;
  readonly #upkeep: PodUpkeep;

  constructor(known: KnownPods, removal: PodRemoval, upkeep: PodUpkeep) {
    this.#known = known;
    this.#removal = removal;
    this.#upkeep = upkeep;
  }

  /** As `Pods.add`. */
  async add(name: string, wish: PodWish, clientPid: number | undefined): Promise<Pod> {
    const known = this.#known.book.get(keyByHand(wish.namespace, name));
    if (known?.phase === 'ready') return this.#addAgain(known, wish, clientPid);
    if (known !== undefined) await this.#removal.erase(known);
    else {
      checkNewPodName(name);
      this.#refuseNameOfContainer(name, wish.namespace);
    }
    const { record } = await this.#make(name, wish, { clientPid });
    return this.#known.view(record);
  }

  /** As `Pods.attach`. */
  async attach(wanted: WantedAttachment, clientPid: number | undefined): Promise<AttachedPod> {
    const { name, wish, attachment } = wanted;
    const key = keyOfAttachment(attachment.containerId, wish.device ?? POD_DEVICE);
    const known = this.#known.book.get(key);
    if (known?.phase === 'ready' && !isGone(known)) {
      const message = `${describeHolder(leaseKeyOfPod(known))} is attached already, in ${known.netns}: it is to be deleted first (CNI DEL)`;
      throw new ConflictError('attachment-exists', message, { pod: titleOf(known) });
    }
    if (known !== undefined) await this.#removal.remove(known);
    const { record, cable } = await this.#make(name, wish, { clientPid, attachment });
    return { pod: this.#known.view(record), cable };
  }

  /** Among containers the newest has the name; whoever makes a pod by hand is told. */
  #refuseNameOfContainer(name: string, namespace: string): void {
    const title = podTitle(namespace, name);
    const other = this.#known.book.all().find((record) => record.attachment !== undefined && titleOf(record) === title);
    if (other === undefined) return;
    const holder = describeHolder(leaseKeyOfPod(other));
    throw new ConflictError('pod-exists', `pod ${title} is ${holder}: choose another name or namespace`, {
      pod: title,
    });
  }

  /** Makes a pod of which nothing is there. On failure nothing is left. */
  async #make(
    name: string,
    wish: PodWish,
    { clientPid, attachment }: { readonly clientPid: number | undefined; readonly attachment?: PodAttachment },
  ): Promise<{ readonly record: PodRecord; readonly cable: PodCable }> {
    const title = podTitle(wish.namespace, name);
    const place = this.#placeOf(title, wish, clientPid);
    refuseSharing(place, this.#known.book.all(), attachment?.containerId);
    if (wish.allowSources !== undefined && wish.allowSources.length > 0)
      await this.#known.sources.refuseWithoutRanges();
    const pods = this.#known.book
      .all()
      .map((one) => ({ pod: titleOf(one), addresses: this.#known.book.addressesOf(one) }));
    await this.#known.allowed.check(wish, pods);
    const { networkName: network, wallClockMs, edge } = this.#known.options;
    const { namespace, labels = {}, device = POD_DEVICE, allowSources = [], mac } = wish;
    const hasDefaultRoute = attachment?.alongside !== true && !this.#isSecond(place);
    const identity = { name, namespace, device, attachment };
    const wanted = { ...identity, labels, network, place, hasDefaultRoute, allowSources, mac };
    const record = newPodRecord(wanted, this.#known.book.all(), wallClockMs());
    await removeLeftover(record);
    refusing(title, 'was not added, and nothing was made', () => this.#enter(record, wish));
    try {
      // First: the kernel is to judge its first packet, and to know what becomes of it.
      await edge?.prepare(record);
      await this.#known.allowed.prepare(record);
      await this.#known.sources.bind(this.#known.source(record));
      const [made, wired] = await this.#connect(record, wish.newNetns ? basename(record.netns) : undefined);
      refuseWithoutIpv6(title, allowSources, wired);
      const notices = [...wired, ...(wish.newNetns ? this.#ownNamespaceNotices(record.netns, clientPid) : [])];
      const netnsIdentity = namespaceIdentity(record.netns) ?? record.netnsIdentity;
      const ready: PodRecord = { ...made, phase: 'ready', netnsIdentity, notices };
      refusing(title, 'was not added, and what was made is removed again', () => this.#known.book.settle(ready));
      this.#known.allowed.announce(keyOf(record));
      return { record: ready, cable: this.#known.cable(ready) };
    } catch (error) {
      await this.#removal.rollBack(record);
      throw error;
    }
  }

  /** Furnishes a namespace that was made. @returns what a person should know */
  #ownNamespaceNotices(netns: string, clientPid: number | undefined): Notice[] {
    const { resolver } = this.#known.options;
    return [
      ...hiddenNamespaceNotices(netns, clientPid),
      ...(resolver === undefined ? [] : writeResolverFile(basename(netns), resolver)),
    ];
  }

  /** Whether an interface of weft's is in the namespace already. */
  #isSecond({ netnsIdentity }: PodPlace): boolean {
    return this.#known.book.all().some((one) => one.netnsIdentity === netnsIdentity && hasDevice(one.hostDevice));
  }

  /** A runtime may have given the container another network before: its default routes stay. */
  async #connect(record: PodRecord, newNetns: string | undefined): Promise<[PodRecord, Notice[]]> {
    try {
      return [record, await connectPod(this.#known.cable(record), newNetns)];
    } catch (error) {
      if (record.attachment === undefined || !isDefaultRouteTaken(error)) throw error;
      const second: PodRecord = { ...record, hasDefaultRoute: false };
      return [second, await connectPod(this.#known.cable(second))];
    }
  }

  async #addAgain(record: PodRecord, wish: PodWish, clientPid: number | undefined): Promise<Pod> {
    const isGone = !hasDevice(record.hostDevice);
    const place = wish.newNetns && record.ownsNetns ? record : this.#placeOf(titleOf(record), wish, clientPid);
    const addresses = this.#known.book.addressesOf(record);
    const differences = podDifferences({ record, addresses, isGone }, wish, place);
    if (differences.length > 0) {
      const title = titleOf(record);
      const hint = isGone ? '; its namespace is gone, so "weft pod rm" loses nothing' : '';
      const message = `pod ${title} exists with ${differences.join(' and ')}${hint}`;
      throw new ConflictError('pod-exists', message, { pod: title, differences });
    }
    const { labels: before, ...others } = record;
    const labels = wish.labels ?? before ?? {};
    const again: PodRecord = {
      ...others,
      ...(Object.keys(labels).length > 0 && { labels }),
      netns: place.netns,
    };
    if (!equalLabels(labels, before ?? {}))
      refusing(titleOf(record), 'has the labels that it had', () => this.#known.book.settle(again));
    return this.#known.view(await this.#upkeep.repair(again));
  }

  /** @throws ExhaustedError that says how many addresses pods have that are gone */
  #enter(record: PodRecord, { addresses }: PodWish): void {
    try {
      this.#known.book.enter(record, addresses);
    } catch (error) {
      throw namingGonePods(error, this.#known.gone().map(titleOf), this.#known.book.all().length);
    }
  }

  /** A namespace of our own has the pod's name, after that of its namespace: a file name has no slash. */
  #placeOf(title: string, wish: PodWish, clientPid: number | undefined): PodPlace {
    return placeOf(`${this.#known.options.netnsPrefix}${title.replace('/', '.')}`, wish, clientPid);
  }
}
