/** What a firewall does with a packet, in words, and where on its way through a kernel. Pure. */
import type { KernelDropName } from '../dataplane/kernel-drop-reasons.ts';
import type { RulePlace } from '../firewall/chain-walk.ts';
import type { Judgement } from '../firewall/judgement.ts';
import type { Hook } from '../firewall/ruleset.ts';

/** A firewall that does not simply let a packet pass. */
export interface FirewallObstacle {
  readonly verdict: 'stop' | 'unknown';
  /** Whether it comes before the kernel has looked up a route. */
  readonly isBeforeRoute: boolean;
  readonly text: string;
  /** Name of the drop reason, if weft's own rules drop it for one; absent: none. */
  readonly reason?: KernelDropName;
}

/** weft's table that binds pods to their addresses, as titles of chains have it. */
const SOURCE_TABLE = 'nftables table inet weft-pods';

/** Rules longer than this are cut: a pod may write what it likes into its own. */
const MAX_RULE_CHARACTERS = 160;

const beforeRoute: readonly Hook[] = ['ingress', 'prerouting'];

/**
 * What stands in the packet's way; `undefined`: nothing.
 *
 * @param judgement `undefined`: there is too much to be judged. @param place whose firewall: `n1`, `pod web`.
 */
export function firewallObstacle(judgement: Judgement | undefined, place: string): FirewallObstacle | undefined {
  if (judgement === undefined) {
    const text = `whether the firewall of ${place} lets it pass cannot be told: it has too many chains`;
    return { verdict: 'unknown', isBeforeRoute: false, text };
  }
  const { verdict, hook, place: where } = judgement;
  if (verdict === 'accept' || hook === undefined || where === undefined) return undefined;
  const isBeforeRoute = beforeRoute.includes(hook);
  const words = placeWords(where);
  if (verdict === 'unknown') {
    const text = `whether the firewall of ${place} lets it pass cannot be told: ${words}`;
    return { verdict: 'unknown', isBeforeRoute, text };
  }
  const text =
    where.chain.table === SOURCE_TABLE
      ? `dropped by the kernel of ${place} as pod-spoofed-source: no pod may send from there (${where.chain.title})`
      : `a firewall of ${place} ${verdict}s it: ${words}`;
  return { verdict: 'stop', isBeforeRoute, text };
}

/** Whether weft's own rules take the packet for one under a source that no pod has. */
export function isSpoofed({ verdict, place }: Judgement): boolean {
  return verdict === 'drop' && place?.chain.table === SOURCE_TABLE;
}

function placeWords({ chain, rule, path }: RulePlace): string {
  const from = path[0] === undefined ? '' : `, reached from ${path[0].chain.name}`;
  if (rule === undefined) return `${chain.title}: policy ${chain.base?.policy ?? 'accept'}${from}`;
  const text = rule.text.replaceAll(/[^\x20-\x7e]/g, '?');
  const shown = text.length > MAX_RULE_CHARACTERS ? `${text.slice(0, MAX_RULE_CHARACTERS)}...` : text;
  return `${chain.title} has "${shown}"${from}`;
}
