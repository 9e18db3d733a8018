/**
 * Changes to the network namespace that the calling thread is in, by rtnetlink(7).
 *
 * Chosen: messages of our own, for the inside of a new pod alone. Instead of: `ip`, as for everything else. Because: a program in another
 * namespace is three, one starting the next, and each copy of this process takes milliseconds; of these there are hundreds when a node
 * starts its containers.
 */
import { CommandError } from '../errors.ts';
import { checked, errnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { acknowledgedError } from './netlink-message.ts';

/** Of an acknowledgement, with the message that it is about. */
const REPLY_BYTES = 8_192;

export class RouteSocket {
  readonly #fd: number;
  readonly #purpose: string;

  /** In the namespace where the calling thread is now: also what is asked for later. @param purpose completes "cannot …" */
  constructor(purpose: string) {
    this.#purpose = purpose;
    const type = Abi.SOCK_RAW | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK;
    this.#fd = checked(libc.socket(Abi.AF_NETLINK, type, Abi.NETLINK_ROUTE), 'socket', purpose);
  }

  /** Has the kernel do it, within the call. @param words the same for `ip`. @throws CommandError as `ip` would */
  request(message: Uint8Array, words: string): void {
    checked(libc.writeBytes(this.#fd, message, message.length), 'write', this.#purpose);
    const reply = new Uint8Array(REPLY_BYTES);
    const length = checked(libc.readBytes(this.#fd, reply, reply.length), 'read', this.#purpose);
    const error = acknowledgedError(reply.subarray(0, length));
    if (error === 0) return;
    const said = error === undefined ? 'the kernel answers something else' : describe(error);
    throw new CommandError(`ip ${words}`, 2, `RTNETLINK answers: ${said}`, this.#purpose);
  }

  close(): void {
    libc.close(this.#fd);
  }
}

/** Index of a device in the namespace where the calling thread is; `undefined`: there is none of this name. */
export function deviceIndex(name: string): number | undefined {
  const { size, ifr_ifindex } = Struct.ifreq;
  const request = new Uint8Array(size);
  request.set(new TextEncoder().encode(name).subarray(0, 15));
  const fd = checked(
    libc.socket(Abi.AF_INET, Abi.SOCK_DGRAM | Abi.SOCK_CLOEXEC, 0),
    'socket',
    `look for the device ${name}`,
  );
  const result = libc.ioctlBytes(fd, Abi.SIOCGIFINDEX, request);
  libc.close(fd);
  return result === -1 ? undefined : new DataView(request.buffer).getInt32(ifr_ifindex, true);
}

/** As `ip` says what is asked for in code: others are by name. */
function describe(error: number): string {
  const name = errnoName(error);
  return name === 'EEXIST' ? 'File exists' : name;
}
