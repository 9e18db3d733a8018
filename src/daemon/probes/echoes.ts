/** ICMP echoes from this node, as somebody asks for them: sockets are open only as long as they are needed. */
import { type IpAddress, formatIpAddress } from '../../wire/address.ts';
import { RequirementError } from '../../errors.ts';
import { EchoSocket, MIN_ECHO_BYTES } from '../../linux/echo-socket.ts';
import { tellEcho } from './echo-words.ts';
import type { Echo } from '../../api/ping-api.ts';

/** As long as that of ping(8): the least with 56 bytes behind it. */
const USUAL_PAYLOAD_BYTES = 56;

/** For how long a socket stays open when nobody asks any more, in ms: it hears all ICMP messages that come in. */
const IDLE_MS = 2_000;

export class Echoes {
  readonly #sockets = new Map<4 | 6, EchoSocket>();
  readonly #idleTimer = new Map<4 | 6, NodeJS.Timeout>();

  /**
   * Sends an echo request, and tells what became of it. Never rejects.
   *
   * @param lengthBytes of the IP packet; as long as those of others if nothing is said.
   */
  async echo(address: IpAddress, timeoutMs: number, lengthBytes?: number): Promise<Echo> {
    const { family } = address;
    const least = MIN_ECHO_BYTES[family];
    try {
      const socket = this.#open(family);
      const length = Math.max(least, lengthBytes ?? least + USUAL_PAYLOAD_BYTES);
      return tellEcho(family, await socket.echo(formatIpAddress(address), length, timeoutMs));
    } catch (error) {
      if (!(error instanceof RequirementError)) throw error;
      return { roundTripMs: null, problem: error.message };
    } finally {
      this.#closeLater(family);
    }
  }

  /** Closes what is open. */
  close(): void {
    for (const timer of this.#idleTimer.values()) clearTimeout(timer);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #open(family: 4 | 6): EchoSocket {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const socket = new EchoSocket(family);
    this.#sockets.set(family, socket);
    return socket;
  }

  #closeLater(family: 4 | 6): void {
    clearTimeout(this.#idleTimer.get(family));
    const timer = setTimeout(() => {
      const socket = this.#sockets.get(family);
      if (socket === undefined || socket.isBusy) return;
      this.#sockets.delete(family);
      socket.close();
    }, IDLE_MS);
    this.#idleTimer.set(family, timer.unref());
  }
}
