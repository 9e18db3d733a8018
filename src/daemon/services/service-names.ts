/** What things are called in the table of services. Names tell addresses and ports in hexadecimal digits, as nftables takes no colons. */
import type { Frontend } from '../../services/service-plan.ts';
import type { BackendAddress, ServiceProtocol } from '../../services/service.ts';
import { formatIpAddress } from '../../wire/address.ts';

export type Family = 4 | 6;

export const families = [4, 6] as const satisfies readonly Family[];

/** Where packets come from: pods of this node and the node itself, or elsewhere. */
export type Side = 'inside' | 'outside';

/** Of the mark of packets, within our table: weft chose where it goes, and it may have to leave under another address. */
export const CHOSEN_MARK = 0x20_00_00_00;

/** What is counted, by the name of the counter in the table, which is API. */
export const serviceCounters = {
  refused: 'connections to a port of a service that has no backend, or that no service has: the sender was told',
  dropped: 'connections from outside to a service that keeps to backends of its node, where there is none',
  'source-refused': 'connections to a load balancer from addresses that its service does not let in',
} as const;

export type ServiceCounter = keyof typeof serviceCounters;

/** Protocol numbers (IANA), as elements of sets have them. */
const protocolNumbers: Readonly<Record<ServiceProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

export function protocolNumber(protocol: ServiceProtocol): number {
  return protocolNumbers[protocol];
}

/** `192.0.2.1 . 6 . 80`: a key of the maps. */
export function frontendElement({ address, protocol, port }: Pick<Frontend, 'address' | 'protocol' | 'port'>): string {
  return `${formatIpAddress(address)} . ${protocolNumber(protocol)} . ${port}`;
}

/** Verdicts by address, protocol and port. */
export function verdictMap(side: Side, family: Family): string {
  return `${side}${family}`;
}

/** Of so many backends, chooses one. */
export function pickChain(side: Side, family: Family, backends: number): string {
  return `${side}${family}-pick-${backends}`;
}

/** Translates to the backend of that index. */
export function slotChain(side: Side, family: Family, index: number): string {
  return `${side}${family}-slot-${index}`;
}

/** Backends of that index, by address, protocol and port. */
export function slotMap(side: Side, family: Family, index: number): string {
  return `${side}${family}-backend-${index}`;
}

/** Lets in only those that a load balancer lets in. */
export function sourceChain(side: Side, frontend: Frontend): string {
  return `${side}-from-${frontendDigits(frontend)}`;
}

/** Sends clients where they were before. */
export function affinityChain(side: Side, frontend: Frontend): string {
  return `${side}-keep-${frontendDigits(frontend)}`;
}

/** Sends a client to one backend, and remembers that. */
export function keptChain(side: Side, frontend: Frontend, backend: BackendAddress): string {
  return `${side}-${keptSet(frontend, backend)}`;
}

/** Clients that go to one backend. For how long they do is part of the name, as a set is never declared in another way. */
export function keptSet(frontend: Frontend, backend: BackendAddress): string {
  return `kept-${frontendDigits(frontend)}-${hexOf(backend.address.bytes)}-${backend.port}-${frontend.affinitySeconds}s`;
}

function frontendDigits({ address, protocol, port }: Frontend): string {
  return `${hexOf(address.bytes)}-${protocolNumber(protocol)}-${port}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
