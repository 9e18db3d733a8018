/** Others' firewalls in the way of forwarded packets. They are never changed, only reported. */
import { chainsAgainstPods, remedies } from '../doctor/checks/forward-policy.ts';
import type { Plumbing } from '../doctor/facts.ts';
import { mayDropForwarded, readFirewall } from '../linux/firewall.ts';
import type { Notice } from './api.ts';

/** A notice if a chain that sees forwarded packets drops those that no rule of it accepts, as Docker's does, and none accepts pods'. */
export async function forwardingNotices(plumbing: Plumbing): Promise<Notice[]> {
  // All rules are read only where there is such a chain: there may be very many.
  if (!(await mayDropForwarded())) return [];
  const chains = chainsAgainstPods(await readFirewall(), plumbing);
  if (chains.length === 0) return [];
  const names = chains.map(({ title }) => title).join(' and ');
  const message = `${names} drops forwarded packets by default, and those of pods, which no rule accepts: ${chains.flatMap(remedies).join('; ')}`;
  return [{ code: 'forward-policy-drop', message }];
}
