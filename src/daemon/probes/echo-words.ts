/** What became of an ICMP echo, in words. Pure. */
import type { EchoOutcome } from '../../linux/echo-socket.ts';
import { IcmpType, IcmpUnreachableCode } from '../../wire/icmp.ts';
import { Icmpv6Type, Icmpv6UnreachableCode } from '../../wire/icmpv6.ts';
import type { Echo } from '../../api/ping-api.ts';

/** The errors that have better words than a type and a code, by `type/code`. */
const words4: Readonly<Record<string, string>> = {
  [`${IcmpType.destinationUnreachable}/${IcmpUnreachableCode.network}`]: 'there is no route to it',
  [`${IcmpType.destinationUnreachable}/${IcmpUnreachableCode.host}`]: 'nobody there has this address',
  [`${IcmpType.destinationUnreachable}/${IcmpUnreachableCode.administrativelyProhibited}`]: 'a firewall refused it',
};
const words6: Readonly<Record<string, string>> = {
  [`${Icmpv6Type.destinationUnreachable}/${Icmpv6UnreachableCode.noRoute}`]: 'there is no route to it',
  [`${Icmpv6Type.destinationUnreachable}/${Icmpv6UnreachableCode.address}`]: 'nobody there has this address',
  [`${Icmpv6Type.destinationUnreachable}/${Icmpv6UnreachableCode.administrativelyProhibited}`]: 'a firewall refused it',
};

/** What to tell of it. */
export function tellEcho(family: 4 | 6, outcome: EchoOutcome): Echo {
  if (outcome.kind === 'reply') return { roundTripMs: microseconds(outcome.roundTripMs), problem: '' };
  if (outcome.kind === 'refused') return { roundTripMs: null, problem: refusalWords(outcome.message) };
  if (outcome.kind === 'lost') return { roundTripMs: null, problem: '' };
  return { roundTripMs: null, problem: `${outcome.from} says: ${icmpErrorWords(family, outcome.error)}` };
}

/** Digits beyond a microsecond mean nothing. */
export function microseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** Of a packet that was lost because no more than so many bytes pass. */
export function tooBigWords(passingBytes: number): string {
  return `too big, no more than ${passingBytes} bytes pass`;
}

/** What an ICMP error says. */
export function icmpErrorWords(
  family: 4 | 6,
  { type, code, mtuBytes }: { type: number; code: number; mtuBytes: number },
): string {
  const isTooBig =
    family === 4
      ? type === IcmpType.destinationUnreachable && code === IcmpUnreachableCode.fragmentationNeeded
      : type === Icmpv6Type.packetTooBig;
  if (isTooBig) return tooBigWords(mtuBytes);
  if (type === (family === 4 ? IcmpType.timeExceeded : Icmpv6Type.timeExceeded)) return 'it goes round in circles';
  const known = (family === 4 ? words4 : words6)[`${type}/${code}`];
  return known ?? `unreachable (ICMP${family === 6 ? 'v6' : ''} type ${type}, code ${code})`;
}

/** Node's words for what `sendto` said. */
function refusalWords(message: string): string {
  if (/too long|EMSGSIZE/i.test(message)) return 'longer than the MTU of the device';
  if (/unreachable|ENETUNREACH|EHOSTUNREACH/i.test(message)) return 'this node has no route to it';
  if (/not permitted|EPERM/i.test(message)) return 'a firewall rule of this node refused it';
  return `not sent: ${message}`;
}
