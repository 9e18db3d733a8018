/** What a dataplane worker has open: its queue of the TUN device, and its sockets on the underlay. */
import { libc } from '../linux/ffi.ts';
import { openRawSocket } from '../linux/raw-socket.ts';
import { openTunQueue, type TunQueue } from '../linux/tun.ts';
import {
  openReceivingSocket,
  openSendingSocket,
  type ReceivingSocket,
  type SendingSocket,
} from '../linux/udp-socket.ts';
import type { WorkerSetup } from './worker-report.ts';

/** Source ports, and so at most as many ways through a network that spreads flows by them. A power of two. */
const SENDING_SOCKETS = 16;

/** Descriptors of one worker. */
export interface WorkerDescriptors {
  readonly tun: TunQueue;
  readonly receiving: ReceivingSocket;
  readonly sending: readonly SendingSocket[];
  /** For outer fragments; -1 if there are to be none, or this process lacks the right. */
  readonly fragmentFd: number;
  /** Closes all of them. */
  close(): void;
}

/**
 * Opens all of them. Those that were open when one fails are closed again.
 *
 * @throws as `openTunQueue`, `openReceivingSocket`, `openSendingSocket` and `openRawSocket`
 */
export function openWorkerDescriptors(setup: WorkerSetup): WorkerDescriptors {
  const { without, underlayAddress, vxlanPort, tunDevice } = setup;
  const fds: number[] = [];
  const close = (): void => fds.splice(0).forEach((fd) => libc.close(fd));
  const keep = <Descriptor extends { readonly fd: number }>(descriptor: Descriptor): Descriptor => {
    fds.push(descriptor.fd);
    return descriptor;
  };
  try {
    const receiving = keep(openReceivingSocket(underlayAddress, vxlanPort, !without.includes('udpCoalescing')));
    const sending = Array.from({ length: SENDING_SOCKETS }, () =>
      keep(openSendingSocket(underlayAddress, !without.includes('udpSegmentation'))),
    );
    const tun = keep(openTunQueue(tunDevice, !without.includes('tunOffloads')));
    const fragmentFd = setup.outerFragmentation ? openRawSocket(underlayAddress.family) : -1;
    if (fragmentFd !== -1) fds.push(fragmentFd);
    return { tun, receiving, sending, fragmentFd, close };
  } catch (error) {
    close();
    throw error;
  }
}
