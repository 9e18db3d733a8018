/** Others' firewalls in the way of forwarded packets. They are never changed, only reported. */
import { readFileSync } from 'node:fs';
import { CommandError, RequirementError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import { listBaseChains, NFT_TABLE, type NftBaseChain } from '../linux/nftables.ts';
import type { Notice } from './api.ts';

/**
 * A notice if a chain that sees forwarded packets drops those that no rule of it accepts, as Docker's does. It may have a rule
 * for ours: that is not looked into.
 */
export async function forwardingNotices(): Promise<Notice[]> {
  const chains = [...(await nftChains()), ...(await legacyChains())];
  if (chains.length === 0) return [];
  const remedy =
    'iptables -I FORWARD -i wf+ -j ACCEPT; iptables -I FORWARD -o wf+ -j ACCEPT (and the same with ip6tables)';
  const message = `${chains.join(' and ')} drops forwarded packets by default, those of pods too unless a rule accepts them: ${remedy}`;
  return [{ code: 'forward-policy-drop', message }];
}

/** Of these chains the ones that drop by default what is forwarded, and are not ours. */
export function droppingChains(chains: readonly NftBaseChain[]): readonly NftBaseChain[] {
  return chains.filter(
    ({ family, table, hook, policy }) =>
      hook === 'forward' && policy === 'drop' && ['ip', 'ip6', 'inet'].includes(family) && table !== NFT_TABLE,
  );
}

async function nftChains(): Promise<string[]> {
  try {
    return droppingChains(await listBaseChains()).map(
      ({ family, table, name }) => `nftables chain ${family} ${table} ${name}`,
    );
  } catch (error) {
    // A kernel without nftables has no such chain. That masquerading is impossible then, is said elsewhere.
    if (error instanceof CommandError) return [];
    throw error;
  }
}

/** Of iptables before nftables, which `nft` does not show. */
async function legacyChains(): Promise<string[]> {
  const tables = [
    ['/proc/self/net/ip_tables_names', 'iptables-legacy'],
    ['/proc/self/net/ip6_tables_names', 'ip6tables-legacy'],
  ] as const;
  const found: string[] = [];
  for (const [file, program] of tables) {
    if (!hasFilterTable(file)) continue;
    try {
      const rules = await runCommand([program, '-S', 'FORWARD'], { purpose: 'look at the FORWARD chain' });
      if (/^-P FORWARD DROP$/m.test(rules)) found.push(`the FORWARD chain of ${program}`);
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof RequirementError)) throw error;
    }
  }
  return found;
}

/** Asked first, since `iptables-legacy` makes the table that it is asked about. */
function hasFilterTable(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}
