import { DropReason } from './drop-reason.ts';

/** Reason for a datagram that `sendmmsg` refused with `errnoName`. */
export function sendFailureReason(errnoName: string): DropReason {
  switch (errnoName) {
    case 'EAGAIN':
    case 'ENOBUFS':
    case 'ENOMEM':
      return DropReason.sendBufferFull;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
    case 'EHOSTDOWN':
    case 'EADDRNOTAVAIL':
    case 'ECONNREFUSED':
      return DropReason.underlayUnreachable;
    case 'EPERM':
    case 'EACCES':
      return DropReason.sendForbidden;
    case 'EMSGSIZE':
      return DropReason.datagramTooBig;
    default:
      return DropReason.sendFailed;
  }
}

/** Reason for a relayed datagram that `sendmmsg` refused with `errnoName`: a packet that came in is dropped, not one that left. */
export function relayFailureReason(errnoName: string): DropReason {
  return relayReason.get(sendFailureReason(errnoName)) ?? DropReason.relaySendFailed;
}

const relayReason: ReadonlyMap<DropReason, DropReason> = new Map([
  [DropReason.sendBufferFull, DropReason.relaySendBufferFull],
  [DropReason.underlayUnreachable, DropReason.relayUnderlayUnreachable],
  [DropReason.sendForbidden, DropReason.relaySendForbidden],
  [DropReason.datagramTooBig, DropReason.relayTooBig],
]);

/** Reason for a packet that a write to the TUN device refused with `errnoName`. */
export function tunWriteFailureReason(errnoName: string): DropReason {
  switch (errnoName) {
    case 'EIO':
    case 'EBADFD':
    case 'ENODEV':
      return DropReason.tunDown;
    case 'EAGAIN':
    case 'ENOBUFS':
    case 'ENOMEM':
      return DropReason.tunBufferFull;
    case 'EINVAL':
    case 'EMSGSIZE':
      return DropReason.tunRejected;
    default:
      return DropReason.tunWriteFailed;
  }
}
