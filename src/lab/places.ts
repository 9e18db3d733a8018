/** Where in a lab a command can run: its nodes, their pods, the world and the switch. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { loadLab, namespacePath, nodeFiles } from './lab-directory.ts';
import { labStatus } from './status.ts';
import type { LabPlan, NodePlan } from './topology.ts';

/** One of them. */
export interface Place {
  /** As people write it: `n1`, `n1/p1`, `world`. */
  readonly name: string;
  /** File of its network namespace. */
  readonly netns: string;
  /** The node, or the pod's node; `undefined` for the world and the switch. */
  readonly node: NodePlan | undefined;
}

/**
 * The place that `target` means. A pod is `n1/p1`; `n1-p1` and the name of its namespace mean the same.
 *
 * @throws NotFoundError `lab-target-not-found`, naming those there are; `lab-not-found`.
 */
export async function findPlace(labName: string, target: string): Promise<Place> {
  // Daemons are only asked for what the plan does not know: one that does not answer is no reason to wait.
  const planned = placesIn(labName, loadLab(labName), (node) => node.pods);
  const known = planned.find((place) => namesOf(labName, place).includes(target));
  if (known !== undefined) return known;
  const places = await placesOf(labName);
  const found = places.find((place) => namesOf(labName, place).includes(target));
  if (found !== undefined) return found;
  const names = places.map(({ name }) => name).join(', ');
  throw new NotFoundError('lab-target-not-found', `lab ${labName} has no ${target}; it has ${names}`);
}

/** Environment of a command that runs there: which lab, which place, and which daemon `weft` asks. */
export function environmentOf(labName: string, { name, node }: Place): NodeJS.ProcessEnv {
  return {
    WEFT_LAB: labName,
    WEFT_PLACE: name,
    ...(node && { WEFT_SOCKET: nodeFiles(labName, node.name).socket }),
  };
}

/** With the pods that were added later, which are known to the daemons alone, or by what they said last. */
async function placesOf(labName: string): Promise<Place[]> {
  const { nodes } = await labStatus(labName);
  return placesIn(labName, loadLab(labName), ({ name }) => nodes.find((node) => node.name === name)?.pods ?? []);
}

/** Those whose namespace is there. */
function placesIn(
  labName: string,
  plan: LabPlan,
  podsOf: (node: NodePlan) => readonly { readonly name: string; readonly netns: string }[],
): Place[] {
  const inNodes = plan.nodes.flatMap((node): Place[] => [
    { name: node.name, netns: namespacePath(node.netns), node },
    ...podsOf(node).map(({ name, netns }) => ({ name: `${node.name}/${name}`, netns: pathOf(netns), node })),
  ]);
  const others = [plan.world.netns, plan.switchNetns].map((netns) => ({
    name: netns.slice(labName.length + 1),
    netns: namespacePath(netns),
    node: undefined,
  }));
  return [...inNodes, ...others].filter(({ netns }) => existsSync(netns));
}

/** @param netns as {@link labStatus} gives it: a name, or a path where there is none. */
function pathOf(netns: string): string {
  return netns.startsWith('/') ? netns : namespacePath(netns);
}

function namesOf(labName: string, { name, netns }: Place): string[] {
  const hyphenated = name.replace('/', '-');
  return [name, hyphenated, `${labName}-${hyphenated}`, basename(netns)];
}
