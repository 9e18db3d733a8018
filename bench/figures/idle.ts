/** What a daemon costs while nothing happens: per daemon, in a lab of three nodes. */
import { controlOf } from '../../src/lab/daemon-process.ts';
import { takeDown } from '../../src/lab/down.ts';
import { nodeFiles } from '../../src/lab/lab-directory.ts';
import { bringUp } from '../../src/lab/up.ts';
import type { Figure, Note } from '../figure.ts';
import { interruption, pause } from '../interruption.ts';
import { runName } from '../leftovers.ts';
import { processSeconds } from '../processor-time.ts';

const NODES = 3;
/** Compilation, its garbage, and gossip about members that are new: twice what the same seconds cost later. */
const SETTLING_MS = 30_000;
const IDLE_MS = 20_000;

export const idle: Figure = {
  name: 'idle',
  measures: [{ id: 'idle-cpu', title: 'CPU of an idle daemon', unit: '%', better: 'less' }],
  async run(_directory: string, _rounds: number, note: Note): Promise<void> {
    const name = runName();
    const spec = {
      name,
      nodes: NODES,
      podsPerNode: 1,
      underlayMtuBytes: 1500,
      ipv6Underlay: false,
      plainUnderlay: false,
      settings: {},
    };
    await bringUp(spec, () => {}, interruption);
    try {
      const statuses = ['n1', 'n2', 'n3'].map(async (node) => controlOf(nodeFiles(name, node)).status());
      const pids = (await Promise.all(statuses)).map(({ pid }) => pid);
      await pause(SETTLING_MS);
      const before = pids.map(processSeconds);
      const beganMs = performance.now();
      await pause(IDLE_MS);
      const seconds = (performance.now() - beganMs) / 1000;
      const shares = pids.map((pid, index) => ((processSeconds(pid) - before[index]!) / seconds) * 100);
      shares.forEach((share, daemon) => note(daemon, 'idle-cpu', share));
    } finally {
      await takeDown(name);
    }
  },
};
