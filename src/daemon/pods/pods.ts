/** The pods of this node: which addresses each has, and that each is connected. */
import { deviceNames } from '../../linux/device-names.ts';
import { listLinks } from '../../linux/link.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { AttachmentKey } from '../../api/cni-api.ts';
import type { Pod, PodRequest } from '../../api/control-api.ts';
import { examineCable, type ExaminedPod } from './pod-examination.ts';
import type { IpamStatus, LeaseCheck } from '../../api/ipam-api.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import { isPodLink } from '../host/own-links.ts';
import type { DirectoryPod } from '../../directory/directory-pod.ts';
import { type AddressedPod, announcedPods } from './announced-pods.ts';
import type { GonePod } from './gone-pods.ts';
import { checkLeases } from './lease-check.ts';
import { leaseStatus } from './lease-status.ts';
import { hasHostEnd } from './pod-inspection.ts';
import type { PodLook } from './pod-looks.ts';
import { reconcilePods, withoutRefusedIpv6, type ReconcileReport } from './pod-reconciliation.ts';
import { keyByHand, keyOf, keyOfAttachment, POD_DEVICE, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { parsePodRequest } from './pod-request.ts';
import type { AttachedPod, WantedAttachment } from './wanted-attachment.ts';
import type { PodSources } from './pod-sources.ts';
import { type KubernetesPod, kubernetesPodOf } from './kubernetes-pod.ts';
import { PodTurns } from './pod-turns.ts';
import { isGone, KnownPods, type PodsOptions } from './known-pods.ts';
import { PodRemoval } from './pod-removal.ts';
import { PodMaking } from './pod-making.ts';
import { PodUpkeep } from './pod-upkeep.ts';

/** Operations that change something wait for each other, in the order of their calls. */
export class Pods {
  readonly #known: KnownPods;
  readonly #upkeep: PodUpkeep;
  readonly #removal: PodRemoval;
  readonly #making: PodMaking;
  /** Whether the kernel holds what each pod of the book may send from. */
  #areBound = false;
  readonly #turns: PodTurns;

  /** @throws WeftError `store-corrupt`. */
  constructor(options: PodsOptions) {
    this.#known = new KnownPods(options);
    this.#upkeep = new PodUpkeep(this.#known);
    this.#removal = new PodRemoval(this.#known);
    this.#making = new PodMaking(this.#known, this.#removal, this.#upkeep);
    this.#turns = new PodTurns(
      async () => this.#bindAll(),
      () => options.onChange?.(),
    );
  }

  /** What each may send from, in the kernel. */
  get sources(): PodSources {
    return this.#known.sources;
  }

  /** Whether interfaces of containers are being made or removed, or are about to be. */
  get isChanging(): boolean {
    return this.#turns.isChanging;
  }

  /** Compares what was stored with what is there: once, at start, when the node network is up. */
  reconcile(): Promise<ReconcileReport> {
    return this.#turns.alone(() =>
      reconcilePods({
        book: this.#known.book,
        networkName: this.#known.options.networkName,
        cableOf: (record) => this.#known.cable(record),
        repair: async (record) => this.#upkeep.repair(record),
        erase: async (record) => this.#removal.erase(record),
      }),
    );
  }

  /**
   * Connects a pod. The same request again gives the same pod, and repairs what is missing of it; with other labels, it has those
   * from then on. On failure nothing is left. What is waited for until it can be made, such as policies, delays no other pod.
   *
   * @param clientPid process of the client, whose mounts may show a namespace file that ours do not.
   * @throws ConfigError for a request that is wrong in itself, or an address that is not this node's to give.
   * @throws ConflictError `pod-exists` (with other properties), `allow-source-overlap`, `address-in-use`, `address-cooling`, `netns-in-use`, `netns-exists`, `device-exists`, `pod-not-announced`.
   * @throws ExhaustedError `pool-exhausted`, `announcement-full`, `pods-full`.
   * @throws NotFoundError `netns-not-found`, `process-not-found`.
   * @throws WeftError `store-failed`, before anything is made.
   */
  async add(name: string, request: PodRequest, clientPid?: number): Promise<Pod> {
    const wish = parsePodRequest(name, request);
    const { namespace } = wish;
    const expected = this.#known.options.edge?.expect({ name, namespace });
    const key = keyByHand(namespace, name);
    return await this.#turns.inOrder(key, () => this.#making.add(name, wish, clientPid), expected);
  }

  /**
   * Disconnects a pod and frees its addresses, whether its namespace is still there or not. @returns whether there was one.
   *
   * @throws WeftError `store-failed`, and nothing was removed: a removal that nobody remembers would be undone by a restart.
   */
  remove(name: string, namespace: string): Promise<boolean> {
    const key = keyByHand(namespace, name);
    return this.#turns.inOrder(key, async () => {
      const record = this.#known.book.get(key);
      if (record === undefined) return false;
      await this.#removal.remove(record);
      return true;
    });
  }

  /**
   * Connects an interface of a container, of which others may be there. One without default routes in its namespace gets them. What is waited
   * for until it can be made, such as its labels, delays no other container.
   *
   * @throws as {@link add}; ConflictError `attachment-exists`.
   */
  attach(wanted: WantedAttachment, clientPid?: number): Promise<AttachedPod> {
    const { name, wish, attachment } = wanted;
    const { namespace, device = POD_DEVICE } = wish;
    const expected = this.#known.options.edge?.expect({ name, namespace, device, attachment });
    return this.#turns.together(attachment.containerId, () => this.#making.attach(wanted, clientPid), expected);
  }

  /** As {@link remove}, of an interface of a container: of this network of the runtime, or none. */
  detach({ containerId, interface: device, cniNetwork }: AttachmentKey): Promise<boolean> {
    return this.#turns.together(containerId, async () => {
      const record = this.#known.book.get(keyOfAttachment(containerId, device));
      if (record?.attachment?.cniNetwork !== cniNetwork) return false;
      await this.#removal.remove(record);
      return true;
    });
  }

  /** Looks at both ends of an interface of a container, now. `undefined`: there is none. */
  examine({ containerId, interface: device, cniNetwork }: AttachmentKey): Promise<ExaminedPod | undefined> {
    return this.#turns.alone(async () => {
      const record = this.#known.book.get(keyOfAttachment(containerId, device));
      if (record?.attachment?.cniNetwork !== cniNetwork || record.phase !== 'ready') return undefined;
      const cable = withoutRefusedIpv6(this.#known.cable(record), record.notices);
      const addresses = this.#known.book.addressesOf(record);
      return {
        addresses,
        netnsIdentity: record.netnsIdentity,
        problems: await examineCable(cable, this.#known.sources),
      };
    });
  }

  /** Interfaces of containers, with those that are being made or removed. */
  attachments(): AttachmentKey[] {
    return this.#known.book.all().flatMap(({ attachment, device = POD_DEVICE }) => {
      if (attachment === undefined) return [];
      const { cniNetwork, containerId } = attachment;
      return [{ cniNetwork, containerId, interface: device }];
    });
  }

  /** Looks at the node's ends of the pods that are running. Changes nothing. */
  inspect(): Promise<Inspection> {
    return this.#turns.alone(() => this.#upkeep.inspect());
  }

  /** Tries once more to bind pods to their addresses, where the kernel could not. */
  retryBinding(): Promise<void> {
    return this.#turns.alone(async () => this.#known.sources.retry());
  }

  /** Puts back what {@link inspect} finds missing. */
  repair(): Promise<void> {
    return this.#turns.alone(() => this.#upkeep.repairAll());
  }

  /** Why what is stored is not what is known; `undefined`: it is. */
  storeDamage(): Promise<string | undefined> {
    return this.#turns.alone(async () => Promise.resolve(this.#known.book.damage()));
  }

  /** Stores everything anew. @throws WeftError `store-failed` */
  saveAll(): Promise<void> {
    return this.#turns.alone(async () => Promise.resolve(this.#known.book.save()));
  }

  /** The addresses of each pool, counted. */
  leaseStatus(): IpamStatus {
    return leaseStatus(this.#known.book, this.#known.gone());
  }

  /** Compares what is stored, pods, and the kernel. @param repairs whether to put right what is weft's own. */
  checkLeases(repairs: boolean): Promise<LeaseCheck> {
    const checked = {
      book: this.#known.book,
      cableOf: (record: PodRecord) => this.#known.cable(record),
      networkName: this.#known.options.networkName,
      prefixes: this.#known.options.prefixes.configured,
      inspect: async () => this.#upkeep.inspect(),
      repair: async () => this.#upkeep.repairAll(),
      erase: async (record: PodRecord) => this.#removal.remove(record),
    };
    return this.#turns.alone(() => checkLeases(checked, repairs));
  }

  /**
   * Looks into pods, those first that were looked into longest ago: {@link list} tells what was seen. Never rejects. Not in turn, since
   * it changes nothing.
   */
  lookInside(): Promise<readonly PodLook[]> {
    return this.#upkeep.lookInside();
  }

  /** Gives pods again what {@link lookInside} misses in them, as `weft pod add` would. @returns what they are called. */
  repairInside(): Promise<string[]> {
    return this.#turns.alone(() => this.#upkeep.repairInside());
  }

  /** The pods whose cable is not there any more, and whose namespace is not where it was. */
  gone(): GonePod[] {
    return this.#known.gone().map((record) => ({ key: keyOf(record), title: titleOf(record) }));
  }

  /** Forgets a pod that is gone, and frees its addresses. @returns them; `undefined` if it is not gone, or that cannot be stored now. */
  freeGone(key: string): Promise<string[] | undefined> {
    return this.#turns.alone(async () => {
      const record = this.#known.book.get(key);
      if (record?.phase !== 'ready' || !isGone(record)) return undefined;
      // It may be there under another name: somebody renamed it.
      if (hasHostEnd(this.#known.cable(record), { links: await listLinks() })) return undefined;
      const addresses = this.#known.book.addressesOf(record).map(formatIpAddress);
      try {
        await this.#removal.remove(record);
        return addresses;
      } catch (error) {
        this.#known.options.logger.warn(
          { err: error, pod: titleOf(record) },
          'pod that is gone could not be forgotten',
        );
        return undefined;
      }
    });
  }

  /** All pods, oldest first. */
  list(): Pod[] {
    const devices = deviceNames();
    return this.#known.book
      .all()
      .filter(({ phase }) => phase !== 'adding')
      .map((record) => this.#known.view(record, devices));
  }

  /** All that have addresses, also while they are made or removed, oldest first: what is enforced for a pod is there before it is. */
  leased(): readonly AddressedPod[] {
    return this.#known.book.leased();
  }

  /** Interfaces of containers that are there, as Kubernetes knows them. */
  kubernetesPods(): KubernetesPod[] {
    return this.#known.book.ready().flatMap(({ record, addresses }) => kubernetesPodOf(record, addresses) ?? []);
  }

  /** What other nodes are told of: pods that are there, without those whose namespace went away. */
  announced(): DirectoryPod[] {
    const devices = deviceNames();
    const present = this.#known.book.ready().filter(({ record }) => !isGone(record, devices));
    return announcedPods(present.map((pod) => this.#known.told(pod)));
  }

  /** Once, before anything else: also a pod of an earlier version is bound to its addresses from then on. */
  async #bindAll(): Promise<void> {
    if (this.#areBound) return;
    const known = new Set(this.#known.book.all().map(({ hostDevice }) => hostDevice));
    const strays = (await listLinks()).filter((link) => isPodLink(link) && !known.has(link.ifname));
    await this.#known.sources.ensure(
      this.#known.book.all().map((record) => this.#known.source(record)),
      strays.map(({ ifname }) => ifname),
    );
    this.#areBound = true;
  }
}
