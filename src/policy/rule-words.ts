/** What rules and selectors of policies mean, in the words of a person. */
import { formatPrefix } from '../wire/prefix.ts';
import type { LabelRequirement, LabelSelector } from './label-selector.ts';
import { NAMESPACE_NAME_LABEL } from './pod-selection.ts';
import type { PodSelector, PolicyPeer, PolicyPort, PolicyRule } from './policy.ts';

/** Exceptions of a block, and ports of a protocol, that are named. */
const MAX_NAMED = 6;

/** `pods app=web of shop, tcp 80,443`. */
export function ruleWords({ peer, ports }: Pick<PolicyRule, 'peer' | 'ports'>): string {
  return ports === undefined ? peerWords(peer) : `${peerWords(peer)}, ${portWords(ports)}`;
}

/** `all pods of shop`, `pods app=web of namespaces team=blue`. */
export function podWords({ namespaces, pods }: PodSelector): string {
  const who = pods.length === 0 ? 'all pods' : `pods ${selectorWords(pods)}`;
  return `${who} of ${typeof namespaces === 'string' ? namespaces : namespaceWords(namespaces)}`;
}

/** As `kubectl get -l` takes it: `app=web,tier in (a,b),!old`. */
export function selectorWords(selector: LabelSelector): string {
  return selector.map(requirementWords).join(',');
}

function requirementWords({ key, operator, values }: LabelRequirement): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  if (operator === 'In' && values.length === 1) return `${key}=${values[0]!}`;
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
}

function namespaceWords(selector: LabelSelector): string {
  const [only] = selector;
  if (only === undefined) return 'all namespaces';
  const isByName = selector.length === 1 && only.key === NAMESPACE_NAME_LABEL && only.operator === 'In';
  return isByName ? named(only.values, ', ') : `namespaces ${selectorWords(selector)}`;
}

function peerWords(peer: PolicyPeer): string {
  if (peer.kind === 'all') return 'anybody';
  if (peer.kind === 'none') return 'nobody, as it is not understood';
  if (peer.kind === 'pods') return podWords(peer.pods);
  if (peer.kind === 'nodes') return peer.nodes.length === 0 ? 'all nodes' : `nodes ${selectorWords(peer.nodes)}`;
  const except = named(peer.except.map(formatPrefix), ', ');
  return `${formatPrefix(peer.prefix)}${except === '' ? '' : ` except ${except}`}`;
}

function portWords(ports: readonly PolicyPort[]): string {
  if (ports.length === 0) return 'no port';
  const byProtocol = Map.groupBy(ports, ({ protocol }) => protocol?.toLowerCase() ?? 'port');
  return [...byProtocol]
    .map(([protocol, those]) =>
      those.some(({ kind }) => kind === 'any') ? protocol : `${protocol} ${named(those.map(numberWord), ',')}`,
    )
    .join(', ');
}

function numberWord(port: PolicyPort): string {
  if (port.kind === 'any') return '';
  if (port.kind === 'name') return port.name;
  return port.first === port.last ? String(port.first) : `${port.first}-${port.last}`;
}

function named(words: readonly string[], separator: string): string {
  const more = words.length > MAX_NAMED ? ` and ${words.length - MAX_NAMED} more` : '';
  return `${words.slice(0, MAX_NAMED).join(separator)}${more}`;
}
