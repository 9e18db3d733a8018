/** A node is killed: how long until its routes are gone everywhere. */
import { killNode, startNode } from '../../src/lab/node-power.ts';
import type { BenchLab } from './bench-lab.ts';

/**
 * Kills one node after the other, and starts each again. By the clocks of the daemons' own histories, which are this
 * machine's: asking ten daemons all the time would be most of what they do.
 *
 * @returns ms from each kill until the last node had dropped the routes.
 */
export async function measureKills(lab: BenchLab, kills: number, progress: (step: string) => void): Promise<number[]> {
  const times: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    // Not the first three, which are everybody's seeds: they are nothing special, but somebody would ask.
    const victim = lab.nodes[3 + (kill % (lab.nodes.length - 3))]!;
    const others = lab.nodes.filter((node) => node !== victim);
    progress(`kill ${kill + 1} of ${kills}: ${victim}`);
    const killedMs = Date.now();
    await killNode(lab.name, victim);
    await lab.untilRouted(others, others);
    times.push((await lastRemovalMs(lab, others, victim, killedMs)) - killedMs);
    await startNode(lab.name, victim);
    await lab.untilRouted(lab.nodes, lab.nodes);
  }
  return times;
}

async function lastRemovalMs(
  lab: BenchLab,
  nodes: readonly string[],
  victim: string,
  killedMs: number,
): Promise<number> {
  const since = new Date(killedMs).toISOString();
  const times: number[] = [];
  for (const node of nodes) {
    const events = await lab.control(node).events({ since, kind: 'route-removed' });
    const own = events.filter(({ message }) => message.includes(` ${victim},`) || message.endsWith(` ${victim}`));
    times.push(...own.map(({ time }) => Date.parse(time)));
  }
  return Math.max(...times);
}
