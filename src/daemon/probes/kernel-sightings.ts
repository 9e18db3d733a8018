/** What the kernel said of packets of a trace, hook by hook, in the words of its rules. Pure. */
import type { FirewallChain, FirewallRule, Ruleset } from '../../firewall/ruleset.ts';
import type { NftTraceEvent } from '../../linux/nft-trace-message.ts';
import type { KernelSighting } from '../../api/trace-api.ts';
import { readTraceLabel, type TraceLabel } from './trace-rules.ts';

/** A packet, and what every chain with a hook said of it. */
interface Walk {
  readonly label: TraceLabel;
  readonly evaluations: Evaluation[];
}

/** A chain with a hook, and those that it jumped to. */
interface Evaluation {
  readonly table: string;
  /** Name of the chain with the hook; of our own table, where it ended. */
  base: string;
  readonly events: NftTraceEvent[];
}

/** Title of our own table, as events have it. */
const TRACE_TABLE_TITLE = 'inet weft-trace';

/** Whether rules of others have to be looked up to say what happened. */
export function needsRules(events: readonly NftTraceEvent[]): boolean {
  return events.some(({ table }) => table !== TRACE_TABLE_TITLE);
}

/** @param ruleset as it is now: a rule that is gone since is told by its number. */
export function kernelSightings(id: number, events: readonly NftTraceEvent[], ruleset: Ruleset): KernelSighting[] {
  const chains = new Map(ruleset.chains.map((chain) => [`${chain.table} ${chain.name}`, chain]));
  return walksOf(id, events).flatMap(({ label, evaluations }) => {
    const hooks = Map.groupBy(evaluations, (one) => hookOf(one, chains));
    return [...hooks].flatMap(([hook, those]): KernelSighting[] => {
      if (hook === '') return [];
      const { layer, role, number } = label;
      return [{ number, role, hook: layer === 'outer' ? `outer-${hook}` : hook, ...endOf(those, chains) }];
    });
  });
}

function walksOf(id: number, events: readonly NftTraceEvent[]): Walk[] {
  const walks: Walk[] = [];
  /** The packet behind a number of the kernel's. */
  const current = new Map<number, Walk>();
  for (const event of events) {
    const label = event.table === TRACE_TABLE_TITLE ? readTraceLabel(event.chain) : undefined;
    if (label !== undefined && label.id !== id) current.delete(event.id);
    if (label?.id === id) {
      const walk: Walk = { label, evaluations: [] };
      walks.push(walk);
      current.set(event.id, walk);
    }
    const walk = current.get(event.id);
    if (walk === undefined) continue;
    // The headers come with the first message of each chain with a hook.
    if (event.headers.length > 0 || walk.evaluations.length === 0) {
      walk.evaluations.push({ table: event.table, base: event.chain, events: [] });
    }
    const evaluation = walk.evaluations.at(-1)!;
    evaluation.events.push(event);
    if (event.type === 'policy') evaluation.base = event.chain;
  }
  return walks;
}

function hookOf({ table, base }: Evaluation, chains: ReadonlyMap<string, FirewallChain>): string {
  if (table === TRACE_TABLE_TITLE) return readTraceLabel(base) === undefined ? base : '';
  return chains.get(`nftables table ${table} ${base}`)?.base?.hook ?? '';
}

function endOf(
  evaluations: readonly Evaluation[],
  chains: ReadonlyMap<string, FirewallChain>,
): Pick<KernelSighting, 'verdict' | 'says'> {
  for (const { table, events } of evaluations) {
    const end = events.find(({ verdict }) => verdict === 'drop' || verdict === 'queue' || verdict === 'stolen');
    if (end === undefined) continue;
    const chain = chains.get(`nftables table ${table} ${end.chain}`);
    const rule = chain?.rules.find(({ handle }) => handle === end.handle);
    const title = chain?.title ?? `nftables chain ${table} ${end.chain}`;
    const what = end.type === 'policy' ? ': policy drop' : ` has "${rule?.text ?? `rule ${end.handle}`}"`;
    const verdict = end.verdict !== 'drop' ? 'unknown' : isRejecting(rule) ? 'reject' : 'drop';
    return { verdict, says: `${title}${what}${pathOf(end, events, table, chains)}` };
  }
  const others = evaluations.filter(({ table }) => table !== TRACE_TABLE_TITLE).length;
  return { verdict: 'accept', says: others === 0 ? '' : `${others} chain${others === 1 ? '' : 's'} let it pass` };
}

function isRejecting(rule: FirewallRule | undefined): boolean {
  return rule?.statements().some((one) => one.kind === 'verdict' && one.verdict.kind === 'reject') === true;
}

/** The jumps that led there, the first one first. */
function pathOf(
  end: NftTraceEvent,
  events: readonly NftTraceEvent[],
  table: string,
  chains: ReadonlyMap<string, FirewallChain>,
): string {
  const jumps: string[] = [];
  let target = end.chain;
  for (let at = events.indexOf(end) - 1; at >= 0; at--) {
    const event = events[at]!;
    if ((event.verdict !== 'jump' && event.verdict !== 'goto') || event.target !== target) continue;
    const rule = chains
      .get(`nftables table ${table} ${event.chain}`)
      ?.rules.find(({ handle }) => handle === event.handle);
    jumps.unshift(`"${rule?.text ?? `rule ${event.handle}`}" in ${event.chain}`);
    target = event.chain;
  }
  return jumps.length === 0 ? '' : ` (reached by ${jumps.join(', then ')})`;
}
