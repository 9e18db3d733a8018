/**
 * Interfaces that a runtime attaches through CNI, which are pods like others, but known by container and interface.
 *
 * What was spooled while no daemon ran is carried out before anybody is let in, and whenever something is spooled.
 */
import { watch } from 'node:fs';
import type { Logger } from '../../env/logger.ts';
import { CniSpool, type SpooledRemoval } from '../../linux/cni-spool.ts';
import { findNamespace } from '../../linux/namespace-files.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type {
  Attached,
  AttachedDns,
  AttachmentCheck,
  AttachmentCheckRequest,
  AttachmentKey,
  AttachmentStatus,
} from '../../api/cni-api.ts';
import type { Pod } from '../../api/control-api.ts';
import { equalTextSets } from '../../ipam/text-set.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';
import type { Pods } from '../pods/pods.ts';
import type { AttachmentHandlers } from './attachment-answerers.ts';
import type { AttachedPod, WantedAttachment } from '../pods/wanted-attachment.ts';

export interface AttachmentsOptions {
  readonly pods: Pick<Pods, 'attach' | 'detach' | 'examine' | 'attachments' | 'leaseStatus'>;
  /** Directory of the spool; made if it is not there. */
  readonly spoolDirectory: string;
  /** Domain of the names that the daemon answers for; `undefined`: it answers none. */
  readonly namesDomain: string | undefined;
  /** Is told of an interface that could not be attached. */
  readonly onRefused?: (wanted: WantedAttachment, error: unknown) => void;
  readonly logger: Logger;
}

export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #spool: CniSpool;
  #drain: Promise<void> = Promise.resolve();

  constructor(options: AttachmentsOptions) {
    this.#options = options;
    this.#spool = new CniSpool(options.spoolDirectory);
  }

  /** Carries out what is spooled, and from now on whatever comes. @returns what ends that. */
  async start(): Promise<() => Promise<void>> {
    const { logger } = this.#options;
    await this.drain();
    try {
      this.#spool.make();
      const watcher = watch(this.#spool.directory, () => void this.drain());
      watcher.on('error', (error) =>
        logger.warn({ err: error }, 'removals that the CNI plugin spools are not watched'),
      );
      // Between the look above and this.
      await this.drain();
      return async () => {
        watcher.close();
        await this.#drain;
      };
    } catch (error) {
      logger.warn({ err: error }, 'removals that the CNI plugin spools wait for the next start');
      return async () => this.#drain;
    }
  }

  /** Carries out what is spooled. Never rejects: what fails stays, and is tried with the next. */
  drain(): Promise<void> {
    this.#drain = this.#drain.then(() => this.#drainOnce());
    return this.#drain;
  }

  /** Whatever was spooled of the same interface is of the past. @throws as `Pods.attach` */
  async add(wanted: WantedAttachment, clientPid?: number): Promise<Attached> {
    const { namesDomain } = this.#options;
    const { containerId, cniNetwork } = wanted.attachment;
    await this.#carryOut({ cniNetwork, containerId, interface: wanted.wish.device! });
    const { pod, cable } = await this.#attach(wanted, clientPid);
    return {
      pod,
      hostMac: cable.hostMac,
      gateways: cable.addresses.map(({ family }) => POD_GATEWAY[family]),
      hasDefaultRoute: cable.hasDefaultRoute,
      dns: namesDomain === undefined ? null : dnsOf(pod, namesDomain),
    };
  }

  /** @returns whether there was one. @throws as `Pods.detach` */
  async remove(key: AttachmentKey): Promise<boolean> {
    const removed = await this.#options.pods.detach(key);
    this.#spool.delete(key);
    return removed;
  }

  list(): readonly AttachmentKey[] {
    return this.#options.pods.attachments();
  }

  /** Looks at it from both ends. */
  async check(request: AttachmentCheckRequest, clientPid?: number): Promise<AttachmentCheck> {
    const { cniNetwork, containerId, interface: name, netns, addresses } = request;
    const seen = await this.#options.pods.examine(request);
    if (seen === undefined) {
      const what = `weft knows no interface ${name} of container ${containerId} in network ${cniNetwork}`;
      return { differences: [what] };
    }
    const leased = seen.addresses.map(formatIpAddress);
    const place = findNamespace(netns, clientPid);
    return {
      differences: [
        ...(addresses === undefined || equalTextSets(leased, [...addresses])
          ? []
          : [
              `the addresses that are leased to it are ${leased.join(', ')}, and not ${addresses.join(', ') || 'none'}`,
            ]),
        ...(place.identity === seen.netnsIdentity
          ? []
          : [`${netns} is not the network namespace in which it was attached`]),
        ...seen.problems,
      ],
    };
  }

  /** Whether there are addresses. That anybody can ask says the rest. */
  status(): AttachmentStatus {
    const problem = this.#problem();
    return { ready: problem === '', problem, spool: this.#spool.directory };
  }

  async #attach(wanted: WantedAttachment, clientPid: number | undefined): Promise<AttachedPod> {
    const { pods, onRefused } = this.#options;
    try {
      return await pods.attach(wanted, clientPid);
    } catch (error) {
      onRefused?.(wanted, error);
      throw error;
    }
  }

  #problem(): string {
    const { families } = this.#options.pods.leaseStatus();
    if (families.length === 0) return 'this node has no prefixes (nodePrefixes)';
    const full = families.find(({ free }) => free === 0);
    if (full === undefined) return '';
    const { family, used, size, cooling } = full;
    const soon = cooling === 0 ? '' : `; ${cooling} that were freed come back within a minute`;
    return `this node has no free IPv${family} address: ${used} of ${size} are in use${soon}`;
  }

  async #drainOnce(): Promise<void> {
    for (const removal of this.#spool.read()) await this.#carryOut(removal);
  }

  /** A file goes when it was carried out: a crash in between has it done once more, which does no harm. */
  async #carryOut(removal: SpooledRemoval): Promise<void> {
    const { pods, logger } = this.#options;
    if (!this.#spool.has(removal)) return;
    try {
      await pods.detach(removal);
      this.#spool.delete(removal);
    } catch (error) {
      logger.warn({ err: error, ...removal }, 'a spooled removal of the CNI plugin could not be carried out');
    }
  }
}

/** The gateway answers, and short names are those of the pod's own namespace first. */
function dnsOf({ namespace, device, addresses }: Pod, domain: string): AttachedDns {
  const hasIpv4 = addresses.some((address) => !address.includes(':'));
  return {
    nameservers: [hasIpv4 ? POD_GATEWAY[4] : `${POD_GATEWAY[6]}%${device}`],
    search: [`${namespace}.${domain}`, domain],
    // While the daemon starts again nobody answers: three questions, a second apart, are enough to live through it.
    options: ['timeout:1', 'attempts:3'],
  };
}

/** What the control server is answered by. */
export function attachmentHandlers(attachments: Attachments): AttachmentHandlers {
  return {
    addAttachment: attachments.add.bind(attachments),
    removeAttachment: attachments.remove.bind(attachments),
    attachments: attachments.list.bind(attachments),
    checkAttachment: attachments.check.bind(attachments),
    attachmentStatus: attachments.status.bind(attachments),
  };
}
