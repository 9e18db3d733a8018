/** That a node gives a packet its overlay address on its way into the overlay, in words. See `docs/trust.md`. */
import type { ExplainedStep } from './explanation.ts';

/** Where the rule stands, as `nft` shows it. */
const RULE = 'rule into-overlay of chain leaving in the nftables table inet weft';

/** @param own address that the packet has, @param given the one that it gets. */
export function masqueradeStep(own: string, given: string, node: string): ExplainedStep {
  const text = `${own} is no overlay address of ${node}, so the packet gets ${given}: ${RULE} (masquerade.intoOverlay)`;
  return {
    hook: 'kernel',
    verdict: 'pass',
    text,
    details: { place: node, rule: 'into-overlay', source: own, address: given },
  };
}
