/** A port of a pod that has a name. Policies may mean it by that, as in Kubernetes. */
import { MAX_PORT } from '../wire/udp.ts';

/** In the order of their numbers in gossip (`proto/weft/v1/directory.proto`). */
export const podProtocols = ['TCP', 'UDP', 'SCTP'] as const;

export type PodProtocol = (typeof podProtocols)[number];

export interface PodPort {
  readonly name: string;
  readonly protocol: PodProtocol;
  readonly port: number;
}

/** Longest name of a port, in characters: that of a service (RFC 6335, section 5.1). */
export const MAX_PORT_NAME_LENGTH = 15;

/** One letter at least, and no two hyphens in a row. */
const NAME = /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;

/** Whether these are name, protocol and number of a port: of each name, what Kubernetes takes (`IANA_SVC_NAME`). */
export function isPodPort(value: {
  readonly name: unknown;
  readonly protocol: unknown;
  readonly port: unknown;
}): value is PodPort {
  const { name, protocol, port } = value;
  return (
    typeof name === 'string' &&
    name.length <= MAX_PORT_NAME_LENGTH &&
    NAME.test(name) &&
    podProtocols.some((one) => one === protocol) &&
    Number.isInteger(port) &&
    (port as number) >= 1 &&
    (port as number) <= MAX_PORT
  );
}

/** Order of ports: by name, then protocol, then number. For `Array.sort`. */
export function comparePodPorts(a: PodPort, b: PodPort): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  if (a.protocol !== b.protocol) return podProtocols.indexOf(a.protocol) - podProtocols.indexOf(b.protocol);
  return a.port - b.port;
}
