/** Others' firewalls in the way of forwarded packets. They are never changed, only reported. */
import { forwardPolicy } from '../../doctor/checks/forward-policy.ts';
import type { Plumbing } from '../../doctor/facts.ts';
import { CommandError } from '../../errors.ts';
import { listBaseChains, OWN_TABLES } from '../../linux/nftables.ts';
import { hasLegacyTables } from '../../linux/ruleset.ts';
import type { Notice } from '../../api/control-api.ts';
import { readHostFacts } from './host-facts.ts';

/** A notice if rules of others drop what pods send, unless they know it: by policy, as Docker's, or by a last rule, as firewalld's. */
export async function forwardingNotices(plumbing: Plumbing): Promise<Notice[]> {
  // All rules are read only where there is a chain for forwarded packets: there may be very many.
  if (!(await isFilteringForwarded())) return [];
  const facts = { node: '', host: await readHostFacts(plumbing), daemon: { absence: 'it is about to start' } };
  return forwardPolicy.look(facts).map(({ id, title, evidence, fix }) => {
    return { code: id, message: `${title}: ${evidence.join('; ')}: ${fix.commands.join('; ')}` };
  });
}

/** Whether others look at what is forwarded at all: that costs little to know, however many rules there are. */
async function isFilteringForwarded(): Promise<boolean> {
  if (hasLegacyTables()) return true;
  try {
    const own = OWN_TABLES.map(({ family, name }) => `${family} ${name}`);
    return (await listBaseChains()).some(
      ({ hook, family, table }) => hook === 'forward' && !own.includes(`${family} ${table}`),
    );
  } catch (error) {
    // A kernel without nftables has no such chain. That masquerading is impossible then, is said elsewhere.
    if (error instanceof CommandError) return false;
    throw error;
  }
}
