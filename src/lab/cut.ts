/**
 * `weft lab cut` and `weft lab heal`: one underlay link goes silent, in both directions, without either end being told.
 *
 * An nftables set of pairs of ports in the switch's namespace; both verbs change it in one transaction, and may be
 * repeated.
 */
import { runCommand } from '../linux/command.ts';
import { findNode, loadLab, namespacePath } from './lab-directory.ts';
import type { LabPlan } from './topology.ts';
import { WORLD_PORT } from './underlay-links.ts';
import { ConfigError } from '../errors.ts';

const RULES = `
table bridge weft-lab {
  set cut { type ifname . ifname; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut drop
  }
}
`;

/** Gives a new switch the rules that {@link cutLink} fills. */
export async function prepareSwitch(plan: LabPlan): Promise<void> {
  await changeRules(plan, RULES, 'prepare the switch for cuts');
}

/** Drops everything between two nodes, or between a node and the `world`. */
export async function cutLink(labName: string, a: string, b: string): Promise<void> {
  const plan = loadLab(labName);
  await changeRules(plan, `add ${elements(plan, a, b)}`, `cut ${a} from ${b}`);
}

/** Lets everything pass again. */
export async function healLink(labName: string, a: string, b: string): Promise<void> {
  const plan = loadLab(labName);
  const pair = elements(plan, a, b);
  // Adding first makes it no error to heal what was not cut.
  await changeRules(plan, `add ${pair}\ndelete ${pair}`, `heal the link from ${a} to ${b}`);
}

function elements(plan: LabPlan, a: string, b: string): string {
  if (a === b) throw new ConfigError('', `${a} and ${b} are not two ends of a link`);
  const [from, to] = [portOf(plan, a), portOf(plan, b)];
  return `element bridge weft-lab cut { "${from}" . "${to}", "${to}" . "${from}" }`;
}

function portOf(plan: LabPlan, name: string): string {
  return name === WORLD_PORT ? WORLD_PORT : findNode(plan, name).name;
}

async function changeRules(plan: LabPlan, rules: string, purpose: string): Promise<void> {
  await runCommand(['nft', '-f', '-'], { purpose, input: `${rules}\n`, netns: namespacePath(plan.switchNetns) });
}
