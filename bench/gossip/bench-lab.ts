/** The lab that the gossip figures are taken in: real daemons, brought up and taken down as `weft lab` does it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../../src/errors.ts';
import { controlOf } from '../../src/lab/daemon-process.ts';
import { takeDown } from '../../src/lab/down.ts';
import { nodeFiles } from '../../src/lab/lab-directory.ts';
import type { LabSettings } from '../../src/lab/settings.ts';
import type { LabStatus } from '../../src/lab/status.ts';
import { bringUp } from '../../src/lab/up.ts';
import type { ControlClient } from '../../src/client/control-client.ts';
import { interruption } from '../interruption.ts';
import { runName } from '../leftovers.ts';

const POLL_MS = 200;

export class BenchLab implements AsyncDisposable {
  readonly name = runName();
  readonly status: LabStatus;

  private constructor(status: LabStatus) {
    this.status = status;
  }

  /** Whoever called it disposes of it, whatever happens. */
  static async up(
    nodes: number,
    podsPerNode: number,
    progress: (step: string) => void,
    settings: LabSettings = {},
  ): Promise<BenchLab> {
    const spec = {
      name: runName(),
      nodes,
      podsPerNode,
      underlayMtuBytes: 1500,
      ipv6Underlay: false,
      plainUnderlay: false,
      settings,
    };
    return new BenchLab(await bringUp(spec, progress, interruption));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await takeDown(this.name);
  }

  get nodes(): readonly string[] {
    return this.status.nodes.map(({ name }) => name);
  }

  control(node: string): ControlClient {
    return controlOf(nodeFiles(this.name, node));
  }

  /** Names of the nodes to which `node` has routes, itself included. */
  async routed(node: string): Promise<string[]> {
    const routes = await this.control(node).routes();
    return [...new Set(routes.map((route) => route.node))].sort();
  }

  /** Waits until each of `asked` has routes to all of `wanted`, and to nobody else. */
  async untilRouted(asked: readonly string[], wanted: readonly string[]): Promise<void> {
    const expected = [...wanted].sort().join();
    for (const node of asked) {
      await until(`${node} has routes to ${expected}`, async () => (await this.routed(node)).join() === expected);
    }
  }
}

/** Waits until `condition` holds. @throws WeftError `bench-timeout` */
export async function until(what: string, condition: () => Promise<boolean>, deadlineMs = 120_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new WeftError('bench-timeout', `waited ${deadlineMs} ms in vain: ${what}`);
    await sleep(POLL_MS, undefined, { signal: interruption });
  }
}
