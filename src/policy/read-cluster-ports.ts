/** `protocols` of a rule of a ClusterNetworkPolicy. */
import { MAX_PORT } from '../wire/udp.ts';
import type { ObjectValue } from './object-value.ts';
import type { PolicyPort, PolicyProtocol } from './policy.ts';

const protocolOf = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const satisfies Record<string, PolicyProtocol>;

const MAX_PROTOCOLS = 25;

/** `undefined`: one of them is not understood. */
export function readClusterPorts(protocols: ObjectValue): readonly PolicyPort[] | undefined {
  protocols.wantEntry();
  const ports = protocols.entries(MAX_PROTOCOLS).map(readProtocol);
  return ports.includes(undefined) ? undefined : ports.filter((port) => port !== undefined);
}

function readProtocol(entry: ObjectValue): PolicyPort | undefined {
  const names = entry.names();
  if (names.length === 0 || names.some((name) => !isKnown(name))) return undefined;
  entry.wantOneField();
  const named = entry.field('destinationNamedPort');
  if (named.isSet) return { kind: 'name', protocol: undefined, name: named.text() ?? '' };
  const name = names[0] as keyof typeof protocolOf;
  const body = entry.field(name);
  const protocol = protocolOf[name];
  const port = body.field('destinationPort');
  if (body.names().some((one) => one !== 'destinationPort')) return undefined;
  if (!port.isSet) return { kind: 'any', protocol };
  if (port.names().length === 0 || port.names().some((one) => one !== 'number' && one !== 'range')) return undefined;
  port.wantOneField();
  return { kind: 'range', protocol, ...readRange(port) };
}

function isKnown(name: string): boolean {
  return name === 'destinationNamedPort' || Object.hasOwn(protocolOf, name);
}

function readRange(port: ObjectValue): { readonly first: number; readonly last: number } {
  const range = port.field('range');
  if (!range.isSet) {
    const number = readNumber(port.field('number'));
    return { first: number, last: number };
  }
  range.allow(['start', 'end']);
  const [first, last] = [readNumber(range.field('start')), readNumber(range.field('end'))];
  if (first >= last) range.invalid('Start port must be less than End port');
  return { first, last };
}

function readNumber(value: ObjectValue): number {
  if (!value.isSet) value.required('');
  return value.integerWithin(1, MAX_PORT);
}
