/**
 * Keeps the tables of `source-rules.ts` as they should be: which addresses each pod may send from, and what it tried beyond.
 *
 *     (nothing) ──ensure──> made ──bind, release──> elements of one pod change, in one transaction
 *                            └──repair──> all rules and elements anew, in one transaction: there is no time without them
 *
 * They stay when the daemon ends. An element is there before the device of its pod, and goes after it.
 */
import { CommandError, RequirementError } from '../../errors.ts';
import { Gathering } from '../../linux/gathering.ts';
import { type NftWitness, OwnedTables } from '../../linux/nft-owned-tables.ts';
import type { Notice } from '../../api/control-api.ts';
import type { Finding } from '../audit/audit-finding.ts';
import { sourceFindings } from './source-findings.ts';
import {
  countedOf,
  elementsOf,
  sourceTables,
  type PodSource,
  type SourceElements,
  type SourceMeans,
} from './source-rules.ts';
import { readRefused, readTried, type RefusedPackets, type TriedAddress } from './source-tables.ts';

/** What is tried, one after the other. */
const attempts: readonly SourceMeans[] = [
  { withArp: true, withRanges: true },
  { withArp: true, withRanges: false },
  { withArp: false, withRanges: true },
  { withArp: false, withRanges: false },
];

/** What one pod may send from, and might before. */
interface SourceChange {
  readonly device: string;
  readonly before: PodSource | undefined;
  readonly after: PodSource | undefined;
}

export class PodSources {
  /** Of pods that are made or removed at one time. */
  readonly #changes = new Gathering<SourceChange>(async (changes) => this.#change(changes));
  readonly #tables: OwnedTables;
  /** By device. */
  readonly #pods = new Map<string, PodSource>();
  #strays: readonly string[] = [];
  /** What the kernel can do; `undefined`: nothing of it. */
  #means: SourceMeans | undefined;
  /** Why it does not do what it did before; `undefined`: it does, or never did. */
  #failure: CommandError | undefined;
  #notices: readonly Notice[] = [];

  /** @param witness who knows what others changed in nftables. */
  constructor(witness?: NftWitness) {
    this.#tables = new OwnedTables({ witness });
  }

  /**
   * Makes the tables hold exactly these pods.
   *
   * @param strays devices of weft's that belong to none of them.
   */
  async ensure(pods: readonly PodSource[], strays: readonly string[]): Promise<void> {
    this.#pods.clear();
    for (const pod of pods) this.#pods.set(pod.device, pod);
    this.#strays = strays;
    await this.repair();
  }

  /** Makes the tables as they should be. What cannot be had is a notice. */
  async repair(): Promise<void> {
    let failure: CommandError | undefined;
    for (const attempt of attempts) {
      try {
        const tables = sourceTables([...this.#pods.values()], this.#strays, attempt);
        await this.#tables.make(tables, 'bind pods to their addresses');
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        failure ??= error;
        continue;
      }
      this.#means = attempt;
      this.#failure = undefined;
      this.#notices = [
        ...(attempt.withArp ? [] : [withoutArp(failure!)]),
        ...(attempt.withRanges || this.#routers.length === 0 ? [] : [withoutRanges(this.#routers)]),
      ];
      return;
    }
    if (this.#means !== undefined || this.#failure !== undefined) this.#failure = failure;
    this.#means = undefined;
    this.#tables.forget();
    this.#notices = [unavailable(failure!)];
  }

  /** @throws RequirementError `allow-source-unsupported` if the kernel binds pods to addresses, and cannot bind them to prefixes. */
  async refuseWithoutRanges(): Promise<void> {
    if (!this.#lacksRanges) return;
    // It may have been for another reason that the kernel did not take them.
    await this.repair();
    if (!this.#lacksRanges) return;
    const message = 'the kernel cannot bind a pod to a prefix: that needs nftables of Linux 5.6 or later';
    throw new RequirementError('allow-source-unsupported', message);
  }

  /** Tries once more what could not be had: a module may have been loaded since. */
  async retry(): Promise<void> {
    if (this.#notices.length > 0) await this.repair();
  }

  /** What could not be had. */
  notices(): readonly Notice[] {
    return this.#notices;
  }

  /**
   * Lets a pod send from its addresses, and from nothing else. To be called before its device is made.
   *
   * @throws CommandError if that was possible for others, and is not now: nobody is let in unbound because `nft` fails for once.
   */
  async bind(pod: PodSource): Promise<void> {
    const before = this.#pods.get(pod.device);
    this.#pods.set(pod.device, pod);
    await this.#changes.add({ device: pod.device, before, after: pod });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Forgets a pod. To be called when its device is gone. */
  async release(device: string): Promise<void> {
    const pod = this.#pods.get(device);
    if (pod === undefined) return;
    this.#pods.delete(device);
    await this.#changes.add({ device, before: pod, after: undefined });
  }

  /** Looks at the tables, if somebody may have changed them. Changes nothing. */
  async inspect(): Promise<Finding[]> {
    return sourceFindings([...this.#pods.values()], await this.#tables.inspect());
  }

  /** What the kernel refused of each device. Its cost grows with the number of those. */
  async readRefused(): Promise<RefusedPackets[]> {
    return this.#means === undefined ? [] : await readRefused(this.#means.withArp);
  }

  /** What was tried within the last minutes, as many as the kernel remembers. */
  async readTried(): Promise<TriedAddress[]> {
    return this.#means === undefined ? [] : await readTried(this.#means.withArp);
  }

  get #lacksRanges(): boolean {
    return this.#means?.withRanges === false;
  }

  /** Names of pods that may send from prefixes. */
  get #routers(): string[] {
    return [...this.#pods.values()].filter(({ allowSources }) => allowSources.length > 0).map(({ pod }) => pod);
  }

  /** Has the elements of `after` take the place of those of `before`, of all of them in one transaction. */
  async #change(changes: readonly SourceChange[]): Promise<readonly unknown[]> {
    const means = this.#means;
    if (this.#failure !== undefined && changes.some(({ after }) => after !== undefined)) await this.repair();
    else if (means !== undefined) {
      const elements = (pods: readonly (PodSource | undefined)[]): SourceElements =>
        elementsOf(
          pods.filter((pod) => pod !== undefined),
          means,
        );
      const gone = elements(changes.map(({ before }) => before));
      const added = elements(changes.map(({ after }) => after));
      const freed = changes.filter(({ after }) => after === undefined).map(({ device }) => device);
      try {
        await this.#tables.change(added, gone, 'bind pods to their addresses', countedOf(freed, means));
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        // The kernel took it before: something of it is not there any more.
        await this.repair();
      }
    }
    return [];
  }
}

function withoutArp({ message }: CommandError): Notice {
  const what = 'pods can fill the tables of neighbours with ARP under any address: nftables of the kernel has no ARP';
  return { code: 'source-check-without-arp', message: `${what}: ${message}` };
}

function withoutRanges(pods: readonly string[]): Notice {
  const message = `what lies behind ${pods.join(', ')} sends nothing: the kernel cannot bind a pod to a prefix, which needs nftables of Linux 5.6 or later`;
  return { code: 'source-ranges-unavailable', message };
}

function unavailable({ message }: CommandError): Notice {
  return {
    code: 'source-check-unavailable',
    message: `pods can send from any address, also from those of others: ${message}`,
  };
}
