/** What it costs that the kernel has all services: when they come at once, when one changes, and when it is looked whether they are there. */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { ServiceEnforcement } from '../../src/daemon/services/service-enforcement.ts';
import { WeftError } from '../../src/errors.ts';
import { runCommand } from '../../src/linux/command.ts';
import { ServicePlanner } from '../../src/services/service-planner.ts';
import { residentMegabytes } from '../processor-time.ts';
import {
  type BenchService,
  clusterServices,
  enforcementOptions,
  hasAffinity,
  planningNode,
  Pods,
  tell,
} from './service-cluster.ts';

/** How often it is looked at an unchanged table, and how often at one beside which somebody changed something. */
const AUDITS = 5;

/** Between two services that change one after the other: a prime, so that all of them have their turn. */
const STEP = 47;

export interface LoadFigures {
  readonly planMs: number;
  /** Until the kernel has all of it. */
  readonly applyMs: number;
  /** More than before, in MB. */
  readonly heapMegabytes: number;
  readonly residentMegabytes: number;
  /** Of the kernel, whoever needs it. */
  readonly slabMegabytes: number;
}

export interface ChangeFigures {
  readonly title: string;
  readonly ms: readonly number[];
  /** Programs that were started for that. */
  readonly programs: number;
}

export interface AuditFigures {
  readonly unchangedMs: readonly number[];
  readonly changedMs: readonly number[];
  /** Of an owner that finds the table of another, and makes it its own. */
  readonly takeoverMs: number;
}

let programs = 0;
subscribe('child_process', () => programs++);

const kinds = ['exchange', 'remove', 'add'] as const;

/** A cluster, and the kernel of this process's namespace, which follows. */
export class LoadedServices {
  readonly #pods = new Pods();
  readonly #services: BenchService[];
  readonly #others: readonly BenchService[];
  readonly #planner = new ServicePlanner(planningNode);
  readonly #enforcement = new ServiceEnforcement(enforcementOptions);

  /** @param others that have traffic */
  constructor(count: number, others: readonly BenchService[]) {
    this.#services = clusterServices(count - others.length, this.#pods);
    this.#others = others;
  }

  async load(): Promise<LoadFigures> {
    const before = memory();
    const beganMs = performance.now();
    for (const service of [...this.#services, ...this.#others]) tell(this.#planner, service);
    const change = this.#planner.take();
    const plannedMs = performance.now();
    await this.#enforcement.change(change);
    const applyMs = performance.now() - plannedMs;
    const after = memory();
    return {
      planMs: plannedMs - beganMs,
      applyMs,
      heapMegabytes: after.heap - before.heap,
      residentMegabytes: after.resident - before.resident,
      slabMegabytes: after.slab - before.slab,
    };
  }

  /** Changes of one backend each: one is exchanged, one goes, one comes. @param isAffinity of services with affinity alone */
  async changeBackends(count: number, isAffinity: boolean): Promise<ChangeFigures> {
    const services = isAffinity ? this.#services.filter((_, index) => hasAffinity(index)) : this.#services;
    const title = isAffinity ? 'one backend of a service with affinity' : 'one backend';
    return await this.#timed(title, count, (round) => {
      const service = services[(round * STEP) % services.length]!;
      const kind = kinds[round % kinds.length]!;
      const backends = service.backends.slice();
      if (kind !== 'add') backends.splice(round % backends.length, 1);
      if (kind !== 'remove') backends.push(this.#pods.backend());
      service.backends = backends;
      tell(this.#planner, service);
    });
  }

  /** A service goes, and comes back. */
  async changeServices(count: number): Promise<ChangeFigures> {
    return await this.#timed('a service goes, and comes back', count, (round) => {
      const service = this.#services[(Math.floor(round / 2) * STEP) % this.#services.length]!;
      tell(this.#planner, service, round % 2 === 0);
    });
  }

  async audit(): Promise<AuditFigures> {
    const unchangedMs: number[] = [];
    const changedMs: number[] = [];
    for (let round = 0; round < AUDITS; round++) {
      unchangedMs.push(await this.#inspect());
      await runCommand(['nft', `add table ip stranger${round}`], { purpose: 'change something' });
      changedMs.push(await this.#inspect());
    }
    const planner = new ServicePlanner(planningNode);
    for (const service of [...this.#services, ...this.#others]) tell(planner, service);
    const change = planner.take();
    const takeoverMs = await timeMs(async () => new ServiceEnforcement(enforcementOptions).change(change));
    return { unchangedMs, changedMs, takeoverMs };
  }

  async #inspect(): Promise<number> {
    const beganMs = performance.now();
    const { findings } = await this.#enforcement.inspect();
    const ms = performance.now() - beganMs;
    if (findings.length > 0)
      throw new WeftError('bench-findings', `the table is not as it should be: ${findings[0]!.message}`);
    return ms;
  }

  async #timed(title: string, count: number, make: (round: number) => void): Promise<ChangeFigures> {
    const ms: number[] = [];
    const before = programs;
    for (let round = 0; round < count; round++) {
      ms.push(
        await timeMs(async () => {
          make(round);
          await this.#enforcement.change(this.#planner.take());
        }),
      );
    }
    return { title, ms, programs: programs - before };
  }
}

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

/** In MB. Without `--expose-gc` the heap has garbage as well. */
function memory(): { readonly heap: number; readonly resident: number; readonly slab: number } {
  globalThis.gc?.();
  const slab = /^Slab:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return {
    heap: process.memoryUsage().heapUsed / 2 ** 20,
    resident: residentMegabytes(process.pid),
    slab: Number(slab) / 1_024,
  };
}
