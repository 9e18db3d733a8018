/**
 * Changes to the network namespace that the calling thread is in, by rtnetlink(7).
 *
 * Chosen: messages of our own, for the cables of containers alone. Instead of: `ip`, as for everything else. Because: a program is started
 * by a copy of this process, which takes milliseconds, and in another namespace it is three, one starting the next; of these there are
 * hundreds when a node starts its containers.
 */
import { CommandError, SystemCallError } from '../errors.ts';
import { checked, errnoName } from './errno.ts';
import { libc, writeElsewhere } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { acknowledgedError, joined } from './netlink-message.ts';
import { rememberOwnSocket } from './own-ports.ts';

/** Of an acknowledgement, with the message that it is about. */
const REPLY_BYTES = 8_192;

/** Something that the kernel is asked to do. */
export interface RouteRequest {
  readonly message: Uint8Array;
  /** The same for `ip`. */
  readonly words: string;
}

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
    this.#receive(words);
  }

  /**
   * Has the kernel do all of these in order, while this thread goes on: devices come and go under a lock, for which it waits, and of one
   * that goes it waits until nobody looks at it. Those behind one that fails are done all the same.
   *
   * @throws CommandError the first failure, as `ip` would
   */
  async requestAll(requests: readonly RouteRequest[]): Promise<void> {
    const written = await writeElsewhere(this.#fd, joined(requests.map(({ message }) => message)));
    if (written === -1) throw new SystemCallError('write', 'refused', this.#purpose);
    rememberOwnSocket(this.#fd);
    const failures: unknown[] = [];
    for (const { words } of requests) {
      try {
        this.#receive(words);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** An acknowledgement. */
  #receive(words: string): void {
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
