/**
 * TUN devices: Linux's documentation, `Documentation/networking/tuntap.rst`.
 *
 * weft's is persistent: it, its addresses and its routes stay when the daemon goes, and a daemon that attaches again finds
 * everything in place. Packets carry a virtio-net header, so that one read or write can move a whole super-packet. A
 * device has a queue per worker.
 */
import { ConflictError, RequirementError, SystemCallError } from '../errors.ts';
import { checked, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { type Link, listLinks } from './link.ts';

/** What the device may hand us unfinished. Without any of it, each packet is complete and no longer than the MTU. */
export interface TunOffloads {
  /** Packets whose transport checksum is partial. */
  readonly checksum: boolean;
  /** TCP super-packets. */
  readonly tcpSegmentation: boolean;
  /** UDP super-packets; needs Linux 6.2. */
  readonly udpSegmentation: boolean;
}

/** One queue of a TUN device. Non-blocking. Whoever opened it closes `fd`. */
export interface TunQueue {
  readonly fd: number;
  readonly offloads: TunOffloads;
}

const CLONE_DEVICE = '/dev/net/tun';
const FLAGS = Abi.IFF_TUN | Abi.IFF_NO_PI | Abi.IFF_VNET_HDR | Abi.IFF_MULTI_QUEUE;
/** Longest name of a network device, in bytes. */
const MAX_NAME_BYTES = Abi.IFNAMSIZ - 1;

const TCP_OFFLOADS = Abi.TUN_F_CSUM | Abi.TUN_F_TSO4 | Abi.TUN_F_TSO6;
// The two USO flags are refused unless they come together.
const offloadSteps = [TCP_OFFLOADS | Abi.TUN_F_USO4 | Abi.TUN_F_USO6, TCP_OFFLOADS, Abi.TUN_F_CSUM, 0];

/**
 * Attaches a queue to device `name`, which is made if it does not exist. Offloads that the kernel lacks are left out, one
 * step at a time.
 *
 * @param offloads false: complete packets only.
 * @throws ConflictError `tun-device-unusable` when a device of that name is something else than a TUN device with queues.
 * @throws RequirementError `tun-missing`, `privilege-missing`
 * @throws SystemCallError
 */
export function openTunQueue(name: string, offloads = true): TunQueue {
  const fd = attach(name);
  try {
    const purpose = `set up the TUN device ${name}`;
    const headerLength = new Int32Array([Struct.virtio_net_hdr.size]);
    checked(libc.ioctlBytes(fd, Abi.TUNSETVNETHDRSZ, headerLength), 'TUNSETVNETHDRSZ', purpose);
    return { fd, offloads: setOffloads(fd, offloads ? offloadSteps : [0], purpose) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Has descriptor `fd`, whose device was deleted, stand for a queue of a device of that name again, which is made if it does not
 * exist: whoever reads and writes `fd` need not know.
 *
 * @throws as {@link openTunQueue}; then nothing has changed, and it may be tried again.
 */
export function reopenTunQueue(fd: number, name: string, offloads = true): void {
  createPersistentTun(name);
  const queue = openTunQueue(name, offloads);
  try {
    checked(libc.dup3(queue.fd, fd, Abi.O_CLOEXEC), 'dup3', `open the TUN device ${name} again`);
  } finally {
    libc.close(queue.fd);
  }
}

/** Makes device `name` if there is none, and lets it stay when nobody is attached. @throws as {@link openTunQueue} */
export function createPersistentTun(name: string): void {
  const fd = attach(name);
  try {
    checked(libc.ioctlNumber(fd, Abi.TUNSETPERSIST, 1), 'TUNSETPERSIST', `keep the TUN device ${name}`);
  } finally {
    libc.close(fd);
  }
}

/**
 * Checks that device `name`, if there is one, is ours to attach to. Must be asked before: attaching to a device that was
 * made with other flags succeeds in part, and changes it under the feet of whoever made it.
 *
 * @returns how many queues are attached, by whichever process; `undefined` when there is no such device.
 * @throws ConflictError `tun-device-unusable`
 */
export async function inspectTun(name: string): Promise<number | undefined> {
  return attachedQueues(await listLinks(), name);
}

/** As {@link inspectTun}, of devices that were listed a moment ago. @throws ConflictError `tun-device-unusable` */
export function attachedQueues(links: readonly Link[], name: string): number | undefined {
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined) return undefined;
  if (link.linkinfo?.info_kind !== 'tun') throw unusable(name, 'it is no TUN device');
  const { type, pi, vnet_hdr: vnetHeader, multi_queue: multiQueue, numqueues } = link.linkinfo.info_data ?? {};
  if (type !== 'tun') throw unusable(name, 'it is a TAP device');
  if (pi !== false) throw unusable(name, 'it was made with packet information (pi on)');
  if (vnetHeader !== true) throw unusable(name, 'it was made without vnet_hdr');
  if (multiQueue !== true) throw unusable(name, 'it was made without multi_queue');
  return numqueues ?? 0;
}

function attach(name: string): number {
  if (name === '' || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new RangeError(`TUN device name must have 1 to ${MAX_NAME_BYTES} bytes: ${name}`);
  }
  const purpose = `open the TUN device ${name}`;
  const fd = libc.open(CLONE_DEVICE, Abi.O_RDWR | Abi.O_NONBLOCK | Abi.O_CLOEXEC, 0);
  if (fd === -1) throw openFailed(lastErrnoName(), purpose);
  const request = Buffer.alloc(Struct.ifreq.size);
  request.write(name, Struct.ifreq.ifr_name);
  request.writeUInt16LE(FLAGS, Struct.ifreq.ifr_flags);
  if (libc.ioctlBytes(fd, Abi.TUNSETIFF, request) !== -1) return fd;
  const errno = lastErrnoName();
  libc.close(fd);
  if (errno === 'EINVAL') throw unusable(name, 'it is no TUN device, or was made without multi_queue');
  if (errno === 'EPERM') {
    throw new RequirementError('privilege-missing', `cannot ${purpose}: the capability NET_ADMIN is missing`, {
      capability: 'NET_ADMIN',
    });
  }
  throw new SystemCallError('TUNSETIFF', errno, purpose);
}

function openFailed(errno: string, purpose: string): Error {
  if (errno === 'ENOENT' || errno === 'ENODEV') {
    const how = 'load the module (modprobe tun), and give a container the device (--device /dev/net/tun)';
    return new RequirementError('tun-missing', `cannot ${purpose}: ${CLONE_DEVICE} is missing: ${how}`);
  }
  if (errno === 'EPERM' || errno === 'EACCES') {
    const how = 'run as root, and give a container the device (--device /dev/net/tun)';
    return new RequirementError('privilege-missing', `cannot ${purpose}: no access to ${CLONE_DEVICE}: ${how}`);
  }
  return new SystemCallError('open', errno, purpose, { path: CLONE_DEVICE });
}

function setOffloads(fd: number, steps: readonly number[], purpose: string): TunOffloads {
  for (const flags of steps) {
    if (libc.ioctlNumber(fd, Abi.TUNSETOFFLOAD, flags) !== -1) {
      return {
        checksum: (flags & Abi.TUN_F_CSUM) !== 0,
        tcpSegmentation: (flags & Abi.TUN_F_TSO4) !== 0,
        udpSegmentation: (flags & Abi.TUN_F_USO4) !== 0,
      };
    }
  }
  throw new SystemCallError('TUNSETOFFLOAD', lastErrnoName(), purpose);
}

function unusable(name: string, why: string): ConflictError {
  return new ConflictError(
    'tun-device-unusable',
    `network device ${name} exists and cannot be used: ${why}; remove it (ip link delete ${name}) or configure another tun.device`,
    { device: name },
  );
}
