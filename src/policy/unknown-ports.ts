/**
 * Named ports of pods that are not known: nobody told them, or there are too many to be told. A name that a pod is known not to have matches
 * nothing there; here it may stand for any port. Such a pod is allowed no more than with whatever named ports it may have beside those that are
 * known:
 *
 *     an `allow` by a port that may have the name     does not match
 *     a `deny` by it                                  denies: all ports of the protocols that it asks for
 *     a `pass` by it                                  denies, as nobody knows whether what stands behind it in its tier is asked
 */
import { type Policy, type PolicyPort, type PolicyProtocol, type PolicyRule, ruleName } from './policy.ts';

/** Behind the name of a rule. */
const NAME = '(ports-unknown)';

/** Whether ports have names, in something that does not only allow. */
export function asksPortNames({ action, ports = [] }: Pick<PolicyRule, 'action' | 'ports'>): boolean {
  return action !== 'allow' && ports.some(({ kind }) => kind === 'name');
}

/** Protocols of which any port may have one of the names, each once; `undefined` among them: whatever one that has ports. */
export function protocolsOfNames(ports: readonly PolicyPort[] = []): readonly (PolicyProtocol | undefined)[] {
  return [...new Set(ports.flatMap((port) => (port.kind === 'name' ? [port.protocol] : [])))];
}

/** The name of what a rule is to pods that may have its ports: `tenants ingress[2].from[0] (ports-unknown)`. */
export function ruleNameForUnknownPorts(policy: Policy, rule: PolicyRule): string {
  return `${ruleName(policy, rule)} ${NAME}`;
}
