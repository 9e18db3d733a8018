/** What a dataplane worker has open: its queue of the TUN device, and its sockets on the underlay. */
import { libc } from '../../linux/ffi.ts';
import { openRawSocket } from '../../linux/raw-socket.ts';
import { openTunQueue, type TunQueue } from '../../linux/tun.ts';
import {
  openReceivingSocket,
  openSendingSocket,
  type ReceivingSocket,
  type SendingSocket,
} from '../../linux/udp-socket.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { WorkerSetup } from './worker-report.ts';
import { SENDING_SOCKETS } from '../../dataplane/flow-hash.ts';

/** Sockets at one underlay address. */
export interface UnderlaySockets {
  readonly address: IpAddress;
  readonly receiving: ReceivingSocket;
  readonly sending: readonly SendingSocket[];
  /** Closes all of them. */
  close(): void;
}

/** Descriptors of one worker. */
export interface WorkerDescriptors {
  readonly tun: TunQueue;
  /** Those at the first address. Whoever replaces them closes both. */
  readonly underlay: UnderlaySockets;
  /** For outer fragments; -1 if there are to be none, or this process lacks the right. */
  readonly fragmentFd: number;
  /** Closes the others. */
  close(): void;
}

/**
 * Opens all of them. Those that were open when one fails are closed again.
 *
 * @throws as `openTunQueue`, `openReceivingSocket`, `openSendingSocket` and `openRawSocket`
 */
export function openWorkerDescriptors(setup: WorkerSetup): WorkerDescriptors {
  const underlay = openUnderlaySockets(setup, setup.underlayAddress);
  const fds: number[] = [];
  const close = (): void => fds.splice(0).forEach((fd) => libc.close(fd));
  try {
    const tun = openTunQueue(setup.tunDevice, !setup.without.includes('tunOffloads'));
    fds.push(tun.fd);
    const fragmentFd = setup.outerFragmentation ? openRawSocket(setup.underlayAddress.family) : -1;
    if (fragmentFd !== -1) fds.push(fragmentFd);
    return { tun, underlay, fragmentFd, close };
  } catch (error) {
    close();
    underlay.close();
    throw error;
  }
}

/** Opens the sockets at `address`, all or none. @throws as `openReceivingSocket` and `openSendingSocket` */
export function openUnderlaySockets(
  { without, vxlanPort }: Pick<WorkerSetup, 'without' | 'vxlanPort'>,
  address: IpAddress,
): UnderlaySockets {
  const fds: number[] = [];
  const close = (): void => fds.splice(0).forEach((fd) => libc.close(fd));
  const keep = <Descriptor extends { readonly fd: number }>(descriptor: Descriptor): Descriptor => {
    fds.push(descriptor.fd);
    return descriptor;
  };
  try {
    const receiving = keep(openReceivingSocket(address, vxlanPort, !without.includes('udpCoalescing')));
    const sending = Array.from({ length: SENDING_SOCKETS }, () =>
      keep(openSendingSocket(address, !without.includes('udpSegmentation'))),
    );
    return { address, receiving, sending, close };
  } catch (error) {
    close();
    throw error;
  }
}
