/**
 * What pods may send from beside their own addresses, as routers of prefixes (`weft pod add --allow-source`).
 *
 *     wanted ──check──> in the record of the pod ──prepare, announce──> a prefix of this node ──withdraw, remove──> (nothing)
 *
 * What is in a record counts over restarts. If the configuration has changed since, so that no pod could be given it any more, it is
 * left out, and the pod has a notice.
 */
import { ConfigError, ConflictError, ExhaustedError, RequirementError } from '../../errors.ts';
import { listLinks } from '../../linux/link.ts';
import { listRoutes } from '../../linux/route.ts';
import type { Member } from '../../membership/announcement.ts';
import type { StaticPeer } from '../../routing/static-peer.ts';
import type { IpAddress } from '../../wire/address.ts';
import { comparePrefixes, formatPrefix, parsePrefix, type Prefix, prefixesOverlap } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import type { OwnPrefixes, PrefixBehindPod } from '../routes/own-prefixes.ts';
import { keyOf, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodWish } from './pod-request.ts';
import { overlapOf, problemOf, takenByHost, takenByNodes, takenByPods, takenByStaticPeers } from './source-refusal.ts';

export interface AllowedSourcesOptions {
  readonly prefixes: OwnPrefixes;
  readonly clusterPrefixes: readonly Prefix[];
  readonly tunDevice: string;
  readonly networkName: string;
  readonly staticPeers: readonly StaticPeer[];
  /** Other nodes that are known. */
  readonly members: () => readonly Member[];
  /** Whether this node could announce these as its prefixes. */
  readonly canAnnounce: (prefixes: readonly Prefix[]) => boolean;
}

/** A pod of this node, by whose addresses overlaps are told. */
export interface AddressedPod {
  readonly pod: string;
  readonly addresses: readonly IpAddress[];
}

export class AllowedSources {
  readonly #options: AllowedSourcesOptions;
  /** Prefixes of records that were not announced at the start, as there was no room: until their pods are removed. */
  #unannounced: readonly PrefixBehindPod[] = [];

  /** @param stored records of pods: what they may send from is this node's at once. */
  constructor(options: AllowedSourcesOptions, stored: Iterable<PodRecord>) {
    this.#options = options;
    const { prefixes, canAnnounce } = options;
    for (const record of stored) {
      const pod = keyOf(record);
      const isReady = record.phase === 'ready';
      const kept: Prefix[] = [];
      for (const prefix of this.of(record)) {
        if (!isReady || canAnnounce([...prefixes.announced(), ...kept, prefix])) kept.push(prefix);
        else this.#unannounced = [...this.#unannounced, { pod, prefix }];
      }
      // Nobody follows yet who would have to be waited for. Of a pod that was half made or half removed, the kernel may still take
      // packets from there: until it is erased, the prefix is this node's, and nobody else's.
      void prefixes.prepare(pod, kept);
      if (isReady) prefixes.announce(pod);
    }
  }

  /** What a pod may send from beside its addresses. */
  of(record: PodRecord): readonly Prefix[] {
    return sourcesIn(record).filter((prefix) => this.#whyNot(keyOf(record), prefix) === undefined);
  }

  /** About what it may not send from any more. */
  noticesOf(record: PodRecord): Notice[] {
    return sourcesIn(record).flatMap((prefix) => {
      const why = this.#whyNot(keyOf(record), prefix);
      if (why === undefined) return [];
      const message = `pod ${titleOf(record)} may not send from ${formatPrefix(prefix)} any more: ${why}; remove it and add it again`;
      return [{ code: 'pod-source-not-allowed', message }];
    });
  }

  /**
   * Refuses what no pod may be given, or what somebody has already.
   *
   * @param pods of this node, but not this one.
   * @throws ConfigError, ConflictError `allow-source-overlap`, ExhaustedError `announcement-full`
   */
  async check(
    { allowSources: wanted = [], addresses }: Pick<PodWish, 'allowSources' | 'addresses'>,
    pods: readonly AddressedPod[],
  ): Promise<void> {
    if (wanted.length === 0) return;
    const given = addresses ?? this.#options.prefixes.configured.map(({ address }) => address);
    const families = new Set(given.map(({ family }) => family));
    for (const [index, prefix] of wanted.entries()) {
      const problem = problemOf(prefix, this.#configuration) ?? problemAmong(wanted, index, families);
      if (problem !== undefined) throw new ConfigError(`allowSources[${index}]`, problem);
    }
    const { prefixes, members, networkName, staticPeers, canAnnounce } = this.#options;
    const [links, routes] = await Promise.all([listLinks(), listRoutes('all')]);
    const taken = [
      ...takenByPods(pods, [...prefixes.behindPods(), ...this.#unannounced]),
      ...takenByNodes(members(), networkName),
      ...takenByStaticPeers(staticPeers),
      ...takenByHost(links, routes, this.#options),
    ];
    for (const prefix of wanted) {
      const overlap = overlapOf(prefix, taken);
      if (overlap === undefined) continue;
      const text = formatPrefix(prefix);
      const details = { prefix: text, other: formatPrefix(overlap.prefix) };
      throw new ConflictError('allow-source-overlap', `${text} overlaps ${overlap.whose}: ${overlap.remedy}`, details);
    }
    if (canAnnounce([...prefixes.current(), ...wanted])) return;
    const count = prefixes.current().length;
    const message = `${wanted.map(formatPrefix).join(', ')} cannot be announced beside the ${count} prefixes of this node: one announcement has no room for more; aggregate them`;
    throw new ExhaustedError('announcement-full', message, { prefixes: count });
  }

  /** Has the kernel of this node know what lies behind the pod. */
  async prepare(record: PodRecord): Promise<void> {
    await this.#options.prefixes.prepare(keyOf(record), this.of(record));
  }

  /** Has other nodes route to this one what lies behind the pod. @throws WeftError if that cannot be announced after all */
  announce(pod: string): void {
    this.#options.prefixes.announce(pod);
  }

  /** Takes back what is announced. */
  withdraw(pod: string): void {
    this.#options.prefixes.withdraw(pod);
  }

  /** Has the kernel forget it. */
  async remove(pod: string): Promise<void> {
    await this.#options.prefixes.remove(pod);
    this.#unannounced = this.#unannounced.filter((one) => one.pod !== pod);
  }

  get #configuration(): { clusterPrefixes: readonly Prefix[]; nodePrefixes: readonly Prefix[] } {
    const { clusterPrefixes, prefixes } = this.#options;
    return { clusterPrefixes, nodePrefixes: prefixes.configured };
  }

  #whyNot(pod: string, prefix: Prefix): string | undefined {
    if (this.#unannounced.some((one) => one.pod === pod && comparePrefixes(one.prefix, prefix) === 0))
      return 'one announcement has no room for all prefixes of this node';
    return problemOf(prefix, this.#configuration);
  }
}

/** @throws RequirementError if a pod is to be a router of IPv6, and has none. */
export function refuseWithoutIpv6(pod: string, sources: readonly Prefix[], notices: readonly Notice[]): void {
  const lacking = notices.find(({ code }) => code === 'pod-ipv6-disabled');
  const source = sources.find(({ address }) => address.family === 6);
  if (lacking === undefined || source === undefined) return;
  throw new RequirementError(lacking.code, `nothing is routed to ${formatPrefix(source)}: ${lacking.message}`, { pod });
}

function sourcesIn({ allowSources = [] }: PodRecord): Prefix[] {
  return allowSources.flatMap((text) => parsePrefix(text) ?? []);
}

function problemAmong(wanted: readonly Prefix[], index: number, families: ReadonlySet<4 | 6>): string | undefined {
  const prefix = wanted[index]!;
  const { family } = prefix.address;
  if (!families.has(family))
    return `${formatPrefix(prefix)} is IPv${family}, and the pod has no address of it to route it to`;
  const other = wanted.slice(0, index).find((one) => prefixesOverlap(one, prefix));
  return other === undefined
    ? undefined
    : `${formatPrefix(prefix)} overlaps ${formatPrefix(other)}, which is there already`;
}
