/**
 * The door of captures: a Unix socket for root alone. It is always there, while the thread behind it is not: who comes in is
 * handed over to it, unread.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { listenOnSocket } from '../doors/door-socket.ts';

export class CaptureDoor {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /**
   * Listens.
   *
   * @param admit takes each connection over.
   * @param most how many may wait to be taken over.
   * @throws WeftError `socket-in-use`
   */
  static async open(path: string, admit: (socket: Socket) => void, most: () => number): Promise<CaptureDoor> {
    const waiting = new Set<Socket>();
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      // It may go away before anybody looks at it.
      socket.on('error', () => undefined);
      if (waiting.size >= most()) {
        socket.destroy();
        return;
      }
      waiting.add(socket);
      socket.once('close', () => waiting.delete(socket));
      admit(socket);
    });
    // Its path follows from that of the control socket.
    await listenOnSocket(server, { path, key: 'control.socket' }, false);
    // A connection that cannot be accepted: its client finds out.
    server.on('error', () => undefined);
    return new CaptureDoor(server, path);
  }

  /** Stops listening, and removes the socket file. */
  close(): void {
    rmSync(this.#path, { force: true });
    this.#server.close();
  }
}
