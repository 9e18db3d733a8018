/** The pods of this node: which addresses each has, and that each is connected. */
import { basename } from 'node:path';
import type { Logger } from '../../env/logger.ts';
import type { BootClock } from '../../env/boot-clock.ts';
import { ConflictError } from '../../errors.ts';
import { deviceNames } from '../../linux/device-names.ts';
import { listLinks } from '../../linux/link.ts';
import { forgetConnections } from '../../linux/connections.ts';
import { namespaceIdentity } from '../../linux/namespace-files.ts';
import type { NftWitness } from '../../linux/nft-owned-tables.ts';
import { listRoutes } from '../../linux/route.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import type { AttachmentKey } from '../../api/cni-api.ts';
import type { Notice, Pod, PodRequest } from '../../api/control-api.ts';
import { describeHolder } from '../../ipam/lease.ts';
import { examineCable, type ExaminedPod } from './pod-examination.ts';
import { equalLabels } from '../../directory/pod-labels.ts';
import { podTitle } from '../../directory/pod-name.ts';
import type { IpamStatus, LeaseCheck } from '../../api/ipam-api.ts';
import type { Finding, Inspection } from '../audit/audit-finding.ts';
import { isPodLink } from '../host/own-links.ts';
import type { StateJournal } from '../state/state-journal.ts';
import type { DirectoryPod } from '../../directory/directory-pod.ts';
import { announcedPods } from './announced-pods.ts';
import { AllowedSources, type AllowedSourcesOptions, refuseWithoutIpv6 } from './allowed-sources.ts';
import type { GonePod } from './gone-pods.ts';
import { hiddenNamespaceNotices } from './hidden-namespace.ts';
import { checkLeases } from './lease-check.ts';
import { leaseStatus } from './lease-status.ts';
import { removeLeftover } from './leftover-device.ts';
import { PodBook, refusing } from './pod-book.ts';
import { podDifferences } from './pod-differences.ts';
import { cableFindings, hasHostEnd, staleHostRoutes } from './pod-inspection.ts';
import { PodLooks, type PodLook } from './pod-looks.ts';
import { isPlaceReachable, placeOf, refuseSharing, removeOwnNamespace, type PodPlace } from './pod-namespace.ts';
import { reconcilePods, withoutRefusedIpv6, type ReconcileReport } from './pod-reconciliation.ts';
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
import { hostDeviceAlias, macOfPod } from '../host/pod-devices.ts';
import { checkNewPodName, parsePodRequest, type PodWish } from './pod-request.ts';
import { namingGonePods } from './pod-shortage.ts';
import { type PodResolver, writeResolverFile } from './pod-resolver-file.ts';
import type { AttachedPod, WantedAttachment } from './wanted-attachment.ts';
import { PodSources } from './pod-sources.ts';
import { podView } from './pod-view.ts';
import { PodTurns } from './pod-turns.ts';
import { connectAgain, disconnectAnyName } from './reconnection.ts';
import { ReconnectPace } from './reconnect-pace.ts';
import { connectPod, deleteHostRoutes, isDefaultRouteTaken, type PodCable } from './pod-wiring.ts';
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
  /** Called after everything that may have changed a pod. */
  readonly onChange?: () => void;
  readonly logger: Logger;
}

/** Operations that change something wait for each other, in the order of their calls. */
export class Pods {
  readonly #options: PodsOptions;
  readonly #book: PodBook;
  readonly #allowed: AllowedSources;
  readonly #looks = new PodLooks();
  /** What each may send from, in the kernel. */
  readonly sources: PodSources;
  readonly #reconnects = new ReconnectPace(() => performance.now());
  /** Whether the kernel holds what each pod of the book may send from. */
  #areBound = false;
  readonly #turns: PodTurns;
  #isWarnedOfConnections = false;

  /** @throws WeftError `store-corrupt`. */
  constructor(options: PodsOptions) {
    this.#options = options;
    this.#turns = new PodTurns(
      async () => this.#bindAll(),
      () => options.onChange?.(),
    );
    this.sources = new PodSources(options.nftWitness);
    this.#book = new PodBook(options.journal, options.prefixes.configured, options.bootClock);
    this.#allowed = new AllowedSources(options, this.#book.all());
  }

  /** Compares what was stored with what is there: once, at start, when the node network is up. */
  reconcile(): Promise<ReconcileReport> {
    return this.#turns.alone(() =>
      reconcilePods({
        book: this.#book,
        networkName: this.#options.networkName,
        cableOf: (record) => this.#cable(record),
        repair: async (record) => this.#repair(record),
        erase: async (record) => this.#erase(record),
      }),
    );
  }

  /**
   * Connects a pod. The same request again gives the same pod, and repairs what is missing of it; with other labels, it has those
   * from then on. On failure nothing is left.
   *
   * @param clientPid process of the client, whose mounts may show a namespace file that ours do not.
   * @throws ConfigError for a request that is wrong in itself, or an address that is not this node's to give.
   * @throws ConflictError `pod-exists` (with other properties), `allow-source-overlap`, `address-in-use`, `netns-in-use`, `netns-exists`, `device-exists`, `pod-not-announced`.
   * @throws ExhaustedError `pool-exhausted`, `announcement-full`, `pods-full`.
   * @throws NotFoundError `netns-not-found`, `process-not-found`.
   * @throws WeftError `store-failed`, before anything is made.
   */
  add(name: string, request: PodRequest, clientPid?: number): Promise<Pod> {
    return this.#turns.alone(() => this.#add(name, parsePodRequest(name, request), clientPid));
  }

  /**
   * Disconnects a pod and frees its addresses, whether its namespace is still there or not. @returns whether there was one.
   *
   * @throws WeftError `store-failed`, and nothing was removed: a removal that nobody remembers would be undone by a restart.
   */
  remove(name: string, namespace: string): Promise<boolean> {
    return this.#turns.alone(async () => {
      const record = this.#book.get(keyByHand(namespace, name));
      if (record === undefined) return false;
      await this.#remove(record);
      return true;
    });
  }

  /**
   * Connects an interface of a container, of which others may be there. One without default routes in its namespace gets them.
   *
   * @throws as {@link add}; ConflictError `attachment-exists`.
   */
  attach(wanted: WantedAttachment, clientPid?: number): Promise<AttachedPod> {
    const { containerId } = wanted.attachment;
    return this.#turns.together(containerId, () => this.#attach(wanted, clientPid));
  }

  /** As {@link remove}, of an interface of a container: of this network of the runtime, or none. */
  detach({ containerId, interface: device, cniNetwork }: AttachmentKey): Promise<boolean> {
    return this.#turns.together(containerId, async () => {
      const record = this.#book.get(keyOfAttachment(containerId, device));
      if (record?.attachment?.cniNetwork !== cniNetwork) return false;
      await this.#remove(record);
      return true;
    });
  }

  /** Looks at both ends of an interface of a container, now. `undefined`: there is none. */
  examine({ containerId, interface: device, cniNetwork }: AttachmentKey): Promise<ExaminedPod | undefined> {
    return this.#turns.alone(async () => {
      const record = this.#book.get(keyOfAttachment(containerId, device));
      if (record?.attachment?.cniNetwork !== cniNetwork || record.phase !== 'ready') return undefined;
      const cable = withoutRefusedIpv6(this.#cable(record), record.notices);
      const addresses = this.#book.addressesOf(record);
      return { addresses, netnsIdentity: record.netnsIdentity, problems: await examineCable(cable, this.sources) };
    });
  }

  /** Interfaces of containers, with those that are being made or removed. */
  attachments(): AttachmentKey[] {
    return this.#book.all().flatMap(({ attachment, device = POD_DEVICE }) => {
      if (attachment === undefined) return [];
      const { cniNetwork, containerId } = attachment;
      return [{ cniNetwork, containerId, interface: device }];
    });
  }

  /** Looks at the node's ends of the pods that are running. Changes nothing. */
  inspect(): Promise<Inspection> {
    return this.#turns.alone(() => this.#inspect());
  }

  /** Tries once more to bind pods to their addresses, where the kernel could not. */
  retryBinding(): Promise<void> {
    return this.#turns.alone(async () => this.sources.retry());
  }

  /** Puts back what {@link inspect} finds missing. */
  repair(): Promise<void> {
    return this.#turns.alone(() => this.#repairAll());
  }

  /** Why what is stored is not what is known; `undefined`: it is. */
  storeDamage(): Promise<string | undefined> {
    return this.#turns.alone(async () => Promise.resolve(this.#book.damage()));
  }

  /** Stores everything anew. @throws WeftError `store-failed` */
  saveAll(): Promise<void> {
    return this.#turns.alone(async () => Promise.resolve(this.#book.save()));
  }

  /** The addresses of each pool, counted. */
  leaseStatus(): IpamStatus {
    return leaseStatus(this.#book, this.#gone());
  }

  /** Compares what is stored, pods, and the kernel. @param repairs whether to put right what is weft's own. */
  checkLeases(repairs: boolean): Promise<LeaseCheck> {
    const checked = {
      book: this.#book,
      cableOf: (record: PodRecord) => this.#cable(record),
      networkName: this.#options.networkName,
      prefixes: this.#options.prefixes.configured,
      inspect: async () => this.#inspect(),
      repair: async () => this.#repairAll(),
      erase: async (record: PodRecord) => this.#remove(record),
    };
    return this.#turns.alone(() => checkLeases(checked, repairs));
  }

  /**
   * Looks into pods, those first that were looked into longest ago: {@link list} tells what was seen. Never rejects. Not in turn, since
   * it changes nothing.
   */
  async lookInside(): Promise<readonly PodLook[]> {
    const devices = deviceNames();
    const cables = this.#book
      .all()
      .filter((record) => record.phase === 'ready' && devices.has(record.hostDevice) && isPlaceReachable(record))
      .map((record) => withoutRefusedIpv6(this.#cable(record), record.notices));
    await this.#looks.refresh(cables);
    return cables.flatMap(({ key }) => this.#looks.of(key) ?? []);
  }

  /** Gives pods again what {@link lookInside} misses in them, as `weft pod add` would. @returns what they are called. */
  repairInside(): Promise<string[]> {
    return this.#turns.alone(async () => {
      const repaired: string[] = [];
      for (const { cable, faults } of await this.lookInside()) {
        const record = this.#book.get(cable.key);
        if (record === undefined || !faults.some(({ isRepairable }) => isRepairable)) continue;
        try {
          await this.#repair(record);
          repaired.push(cable.pod);
        } catch (error) {
          // Of one pod the next is not to suffer; the doctor goes on to say what is wrong.
          this.#options.logger.warn({ err: error, pod: cable.pod }, 'pod could not be put right inside');
        }
      }
      return repaired;
    });
  }

  /** The pods whose cable is not there any more, and whose namespace is not where it was. */
  gone(): GonePod[] {
    return this.#gone().map((record) => ({ key: keyOf(record), title: titleOf(record) }));
  }

  /** Forgets a pod that is gone, and frees its addresses. @returns them; `undefined` if it is not gone, or that cannot be stored now. */
  freeGone(key: string): Promise<string[] | undefined> {
    return this.#turns.alone(async () => {
      const record = this.#book.get(key);
      if (record?.phase !== 'ready' || !isGone(record, deviceNames())) return undefined;
      // It may be there under another name: somebody renamed it.
      if (hasHostEnd(this.#cable(record), { links: await listLinks() })) return undefined;
      const addresses = this.#book.addressesOf(record).map(formatIpAddress);
      try {
        await this.#remove(record);
        return addresses;
      } catch (error) {
        this.#options.logger.warn({ err: error, pod: titleOf(record) }, 'pod that is gone could not be forgotten');
        return undefined;
      }
    });
  }

  /** All pods, oldest first. */
  list(): Pod[] {
    const devices = deviceNames();
    return this.#book
      .all()
      .filter(({ phase }) => phase !== 'adding')
      .map((record) => this.#pod(record, devices));
  }

  /** What other nodes are told of: pods that are there, without those whose namespace went away. */
  announced(): DirectoryPod[] {
    const devices = deviceNames();
    return announcedPods(this.#book.ready().filter(({ record }) => !isGone(record, devices)));
  }

  async #add(name: string, wish: PodWish, clientPid: number | undefined): Promise<Pod> {
    const known = this.#book.get(keyByHand(wish.namespace, name));
    if (known?.phase === 'ready') return this.#addAgain(known, wish, clientPid);
    if (known !== undefined) await this.#erase(known);
    else {
      checkNewPodName(name);
      this.#refuseNameOfContainer(name, wish.namespace);
    }
    const { record } = await this.#make(name, wish, { clientPid });
    return this.#pod(record, deviceNames());
  }

  /** Among containers the newest has the name; whoever makes a pod by hand is told. */
  #refuseNameOfContainer(name: string, namespace: string): void {
    const title = podTitle(namespace, name);
    const other = this.#book.all().find((record) => record.attachment !== undefined && titleOf(record) === title);
    if (other === undefined) return;
    const holder = describeHolder(leaseKeyOfPod(other));
    throw new ConflictError('pod-exists', `pod ${title} is ${holder}: choose another name or namespace`, {
      pod: title,
    });
  }

  async #attach(wanted: WantedAttachment, clientPid: number | undefined): Promise<AttachedPod> {
    const { name, wish, attachment } = wanted;
    const key = keyOfAttachment(attachment.containerId, wish.device ?? POD_DEVICE);
    const known = this.#book.get(key);
    if (known?.phase === 'ready' && !isGone(known, deviceNames())) {
      const message = `${describeHolder(leaseKeyOfPod(known))} is attached already, in ${known.netns}: it is to be deleted first (CNI DEL)`;
      throw new ConflictError('attachment-exists', message, { pod: titleOf(known) });
    }
    if (known !== undefined) await this.#remove(known);
    const { record, cable } = await this.#make(name, wish, { clientPid, attachment });
    return { pod: this.#pod(record, deviceNames()), cable };
  }

  /** Makes a pod of which nothing is there. On failure nothing is left. */
  async #make(
    name: string,
    wish: PodWish,
    { clientPid, attachment }: { readonly clientPid: number | undefined; readonly attachment?: PodAttachment },
  ): Promise<{ readonly record: PodRecord; readonly cable: PodCable }> {
    const title = podTitle(wish.namespace, name);
    const place = this.#placeOf(title, wish, clientPid);
    refuseSharing(place, this.#book.all(), attachment?.containerId);
    if (wish.allowSources !== undefined && wish.allowSources.length > 0) await this.sources.refuseWithoutRanges();
    const pods = this.#book.all().map((one) => ({ pod: titleOf(one), addresses: this.#book.addressesOf(one) }));
    await this.#allowed.check(wish, pods);
    const { networkName: network, wallClockMs } = this.#options;
    const { namespace, labels = {}, device = POD_DEVICE, allowSources = [], mac } = wish;
    const hasDefaultRoute = !this.#isSecond(place);
    const identity = { name, namespace, device, attachment };
    const wanted = { ...identity, labels, network, place, hasDefaultRoute, allowSources, mac };
    const record = newPodRecord(wanted, this.#book.all(), wallClockMs());
    await removeLeftover(record);
    refusing(title, 'was not added, and nothing was made', () => this.#enter(record, wish));
    try {
      // First: the kernel is to judge its first packet, and to know what becomes of it.
      await this.#allowed.prepare(record);
      await this.sources.bind(this.#source(record));
      const [made, wired] = await this.#connect(record, wish.newNetns ? basename(record.netns) : undefined);
      refuseWithoutIpv6(title, allowSources, wired);
      const notices = [...wired, ...(wish.newNetns ? this.#ownNamespaceNotices(record.netns, clientPid) : [])];
      const netnsIdentity = namespaceIdentity(record.netns) ?? record.netnsIdentity;
      const ready: PodRecord = { ...made, phase: 'ready', netnsIdentity, notices };
      refusing(title, 'was not added, and what was made is removed again', () => this.#book.settle(ready));
      this.#allowed.announce(keyOf(record));
      return { record: ready, cable: this.#cable(ready) };
    } catch (error) {
      await this.#rollBack(record);
      throw error;
    }
  }

  /** Furnishes a namespace that was made. @returns what a person should know */
  #ownNamespaceNotices(netns: string, clientPid: number | undefined): Notice[] {
    const { resolver } = this.#options;
    return [
      ...hiddenNamespaceNotices(netns, clientPid),
      ...(resolver === undefined ? [] : writeResolverFile(basename(netns), resolver)),
    ];
  }

  /** Whether an interface of weft's is in the namespace already. */
  #isSecond({ netnsIdentity }: PodPlace): boolean {
    const devices = deviceNames();
    return this.#book.all().some((one) => one.netnsIdentity === netnsIdentity && devices.has(one.hostDevice));
  }

  /** A runtime may have given the container another network before: its default routes stay. */
  async #connect(record: PodRecord, newNetns: string | undefined): Promise<[PodRecord, Notice[]]> {
    try {
      return [record, await connectPod(this.#cable(record), newNetns)];
    } catch (error) {
      if (record.attachment === undefined || !isDefaultRouteTaken(error)) throw error;
      const second: PodRecord = { ...record, hasDefaultRoute: false };
      return [second, await connectPod(this.#cable(second))];
    }
  }

  async #addAgain(record: PodRecord, wish: PodWish, clientPid: number | undefined): Promise<Pod> {
    const isGone = !deviceNames().has(record.hostDevice);
    const place = wish.newNetns && record.ownsNetns ? record : this.#placeOf(titleOf(record), wish, clientPid);
    const addresses = this.#book.addressesOf(record);
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
      refusing(titleOf(record), 'has the labels that it had', () => this.#book.settle(again));
    return this.#pod(await this.#repair(again), deviceNames());
  }

  /** @throws ExhaustedError that says how many addresses pods have that are gone */
  #enter(record: PodRecord, { addresses }: PodWish): void {
    try {
      this.#book.enter(record, addresses);
    } catch (error) {
      throw namingGonePods(error, this.#gone().map(titleOf), this.#book.all().length);
    }
  }

  /** A namespace of our own has the pod's name, after that of its namespace: a file name has no slash. */
  #placeOf(title: string, wish: PodWish, clientPid: number | undefined): PodPlace {
    return placeOf(`${this.#options.netnsPrefix}${title.replace('/', '.')}`, wish, clientPid);
  }

  async #inspect(): Promise<Inspection> {
    const [found, sources] = await Promise.all([this.#lacking(), this.sources.inspect()]);
    const findings = [...sources, ...found.flatMap((one) => one.findings)];
    return { entries: this.#book.all().length, findings };
  }

  async #repairAll(): Promise<void> {
    if ((await this.sources.inspect()).length > 0) await this.sources.repair();
    const failures: unknown[] = [];
    for (const { record, findings } of await this.#lacking()) {
      if (findings.every(({ problem }) => problem === 'foreign') || this.#reconnects.waitMs(keyOf(record)) > 0)
        continue;
      await this.#repair(record).catch((error: unknown) => failures.push(error));
    }
    // One that cannot be mended keeps nobody else waiting.
    if (failures.length > 0) throw failures[0];
  }

  /** Makes everything of a known pod again that is not there, and stores what changed. */
  async #repair(record: PodRecord): Promise<PodRecord> {
    await this.sources.bind(this.#source(record));
    const cable = this.#cable(record);
    const notices = await connectAgain(record, cable, this.#reconnects);
    if (record.allowSources !== undefined)
      await deleteHostRoutes(cable.pod, staleHostRoutes(cable, { routes: await listRoutes('ours') }));
    const repaired = { ...record, notices, netnsIdentity: namespaceIdentity(record.netns) ?? record.netnsIdentity };
    this.#book.keep(repaired);
    this.#looks.forget(keyOf(record));
    return repaired;
  }

  /** Of the pods that are there, or whose namespace is, those that lack something at the node's end. */
  async #lacking(): Promise<{ record: PodRecord; findings: readonly Finding[] }[]> {
    if (this.#book.all().length === 0) return [];
    const [links, routes] = await Promise.all([listLinks(), listRoutes('ours')]);
    return this.#book.all().flatMap((record) => {
      const cable = withoutRefusedIpv6(this.#cable(record), record.notices);
      if (record.phase !== 'ready') return [];
      if (!hasHostEnd(cable, { links }) && !isPlaceReachable(record)) return [];
      const findings = cableFindings(cable, { links, routes });
      return findings.length === 0 ? [] : [{ record, findings }];
    });
  }

  #gone(): PodRecord[] {
    const devices = deviceNames();
    return this.#book.all().filter((record) => record.phase === 'ready' && isGone(record, devices));
  }

  async #rollBack(record: PodRecord): Promise<void> {
    try {
      await this.#erase(record);
    } catch (error) {
      // Its record stays: the next add, remove or start goes on from here.
      this.#options.logger.error({ err: error, pod: titleOf(record) }, 'pod could not be rolled back');
    }
  }

  /** @throws WeftError `store-failed`, and nothing was removed. */
  async #remove(record: PodRecord): Promise<void> {
    refusing(titleOf(record), 'was not removed, and is as it was', () =>
      this.#book.settle({ ...record, phase: 'removing' }),
    );
    await this.#erase(record);
  }

  /** Removes what is announced, the pair, the namespace if it is ours, the lease and the record, in this order. Whatever is missing is fine. */
  async #erase(record: PodRecord): Promise<void> {
    this.#allowed.withdraw(keyOf(record));
    await disconnectAnyName(this.#cable(record));
    await this.sources.release(record.hostDevice);
    await this.#forgetConnections(record);
    await this.#allowed.remove(keyOf(record));
    await removeOwnNamespace(record);
    this.#looks.forget(keyOf(record));
    this.#book.forget(record);
  }

  /** Of the addresses, before another pod can have them. Where that cannot be, they are free all the same. */
  async #forgetConnections(record: PodRecord): Promise<void> {
    try {
      await forgetConnections(this.#book.addressesOf(record));
    } catch (error) {
      if (!this.#isWarnedOfConnections)
        this.#options.logger.warn({ err: error }, 'connections of pods that were removed are not forgotten');
      this.#isWarnedOfConnections = true;
    }
  }

  #cable(record: PodRecord): PodCable {
    const { network, netns, device = POD_DEVICE, hostDevice, mac } = record;
    const key = keyOf(record);
    return {
      key,
      pod: titleOf(record),
      device,
      hasDefaultRoute: record.hasDefaultRoute ?? true,
      netns,
      hostDevice,
      alias: hostDeviceAlias(network, key),
      hostMac: macOfPod(network, key, 'node'),
      podMac: mac,
      mtuBytes: this.#options.mtuBytes,
      addresses: this.#book.addressesOf(record),
      allowSources: this.#allowed.of(record),
      nodeAddresses: this.#options.nodeAddresses,
    };
  }

  /** Once, before anything else: also a pod of an earlier version is bound to its addresses from then on. */
  async #bindAll(): Promise<void> {
    if (this.#areBound) return;
    const known = new Set(this.#book.all().map(({ hostDevice }) => hostDevice));
    const strays = (await listLinks()).filter((link) => isPodLink(link) && !known.has(link.ifname));
    await this.sources.ensure(
      this.#book.all().map((record) => this.#source(record)),
      strays.map(({ ifname }) => ifname),
    );
    this.#areBound = true;
  }

  #source(record: PodRecord): PodSource {
    const { hostDevice, mac } = record;
    const [addresses, allowSources] = [this.#book.addressesOf(record), this.#allowed.of(record)];
    return { pod: titleOf(record), device: hostDevice, mac, addresses, allowSources };
  }

  #pod(record: PodRecord, devices: ReadonlySet<string>): Pod {
    return podView(record, {
      addresses: this.#book.addressesOf(record),
      outside: this.#book.addressesOutside(record),
      allowSources: this.#allowed.of(record),
      sourceNotices: this.#allowed.noticesOf(record),
      mtuBytes: this.#options.mtuBytes,
      hasDevice: devices.has(record.hostDevice),
      faults: this.#looks.of(keyOf(record))?.faults.map(({ message }) => message) ?? [],
    });
  }
}

function isGone(record: PodRecord, devices: ReadonlySet<string>): boolean {
  return !devices.has(record.hostDevice) && !isPlaceReachable(record);
}
