/** Seeing what pods of this node lack, at either end of their cables, and putting it back. */
import { deviceNames } from '../../linux/device-names.ts';
import { listLinks } from '../../linux/link.ts';
import { namespaceIdentity } from '../../linux/namespace-files.ts';
import { listRoutes } from '../../linux/route.ts';
import type { Finding, Inspection } from '../audit/audit-finding.ts';
import { cableFindings, hasHostEnd, staleHostRoutes } from './pod-inspection.ts';
import type { PodLook } from './pod-looks.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import { withoutRefusedIpv6 } from './pod-reconciliation.ts';
import { keyOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { connectAgain } from './reconnection.ts';
import { ReconnectPace } from './reconnect-pace.ts';
import { deleteHostRoutes } from './pod-wiring.ts';
import type { KnownPods } from './known-pods.ts';

export class PodUpkeep {
  readonly #known: KnownPods;
  readonly #reconnects = new ReconnectPace(() => performance.now());

  constructor(known: KnownPods) {
    this.#known = known;
  }

  /**
   * Looks into pods, those first that were looked into longest ago: {@link list} tells what was seen. Never rejects. Not in turn, since
   * it changes nothing.
   */
  async lookInside(): Promise<readonly PodLook[]> {
    const devices = deviceNames();
    const cables = this.#known.book
      .all()
      .filter((record) => record.phase === 'ready' && devices.has(record.hostDevice) && isPlaceReachable(record))
      .map((record) => withoutRefusedIpv6(this.#known.cable(record), record.notices));
    await this.#known.looks.refresh(cables);
    return cables.flatMap(({ key }) => this.#known.looks.of(key) ?? []);
  }

  /** Gives pods again what {@link lookInside} misses in them, as `weft pod add` would. @returns what they are called. */
  async repairInside(): Promise<string[]> {
    const repaired: string[] = [];
    for (const { cable, faults } of await this.lookInside()) {
      const record = this.#known.book.get(cable.key);
      if (record === undefined || !faults.some(({ isRepairable }) => isRepairable)) continue;
      try {
        await this.repair(record);
        repaired.push(cable.pod);
      } catch (error) {
        // Of one pod the next is not to suffer; the doctor goes on to say what is wrong.
        this.#known.options.logger.warn({ err: error, pod: cable.pod }, 'pod could not be put right inside');
      }
    }
    return repaired;
  }

  /** The node's ends of the pods that are running. Changes nothing. */
  async inspect(): Promise<Inspection> {
    const [found, sources] = await Promise.all([this.#lacking(), this.#known.sources.inspect()]);
    const findings = [...sources, ...found.flatMap((one) => one.findings)];
    return { entries: this.#known.book.all().length, findings };
  }

  /** Puts back what {@link inspect} finds missing. */
  async repairAll(): Promise<void> {
    if ((await this.#known.sources.inspect()).length > 0) await this.#known.sources.repair();
    const failures: unknown[] = [];
    for (const { record, findings } of await this.#lacking()) {
      if (findings.every(({ problem }) => problem === 'foreign') || this.#reconnects.waitMs(keyOf(record)) > 0)
        continue;
      await this.repair(record).catch((error: unknown) => failures.push(error));
    }
    // One that cannot be mended keeps nobody else waiting.
    if (failures.length > 0) throw failures[0];
  }

  /** Makes everything of a known pod again that is not there, and stores what changed. */
  async repair(record: PodRecord): Promise<PodRecord> {
    await this.#known.sources.bind(this.#known.source(record));
    const cable = this.#known.cable(record);
    const notices = await connectAgain(record, cable, this.#reconnects);
    if (record.allowSources !== undefined)
      await deleteHostRoutes(cable.pod, staleHostRoutes(cable, { routes: await listRoutes('ours') }));
    const repaired = { ...record, notices, netnsIdentity: namespaceIdentity(record.netns) ?? record.netnsIdentity };
    this.#known.book.keep(repaired);
    this.#known.looks.forget(keyOf(record));
    return repaired;
  }

  /** Of the pods that are there, or whose namespace is, those that lack something at the node's end. */
  async #lacking(): Promise<{ record: PodRecord; findings: readonly Finding[] }[]> {
    if (this.#known.book.all().length === 0) return [];
    const [links, routes] = await Promise.all([listLinks(), listRoutes('ours')]);
    return this.#known.book.all().flatMap((record) => {
      const cable = withoutRefusedIpv6(this.#known.cable(record), record.notices);
      if (record.phase !== 'ready') return [];
      if (!hasHostEnd(cable, { links }) && !isPlaceReachable(record)) return [];
      const findings = cableFindings(cable, { links, routes });
      return findings.length === 0 ? [] : [{ record, findings }];
    });
  }
}
