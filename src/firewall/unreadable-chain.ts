/** Rules that are there and that nobody can show: they may do anything, and are never taken for none. */
import type { FirewallChain, Hook } from './ruleset.ts';

const hooks: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

/**
 * A chain at every hook that may do anything to any packet.
 *
 * @param table whose it is: `iptables-legacy tables`.
 * @param problem why its rules are not known, for people.
 */
export function unreadableChains(table: string, families: readonly (4 | 6)[], problem: string): FirewallChain[] {
  return hooks.map((hook) => ({
    table,
    name: hook,
    title: table,
    families,
    base: { hook, priority: 0, policy: 'accept', isNat: false, devices: undefined },
    rules: [{ text: problem, removal: '', handle: undefined, statements: () => [{ kind: 'mystery' }] }],
  }));
}
