/**
 * Sends datagrams to others without end, and says of each that it hears who sent it, when, and when it came:
 *
 *     node test/support/policy-traffic.ts NAME ADDRESS...
 *
 * To each address one every few ms: by turns in a flow that stays, and in one of its own. None is an answer to another. Times are in
 * microseconds of the clock that all processes of the machine share.
 */
import { createSocket, type Socket } from 'node:dgram';

/** A datagram that came. */
export interface HeardDatagram {
  readonly from: string;
  /** Before it was sent, and after it came. */
  readonly sentUs: number;
  readonly heardUs: number;
}

/** To each address, in ms. */
const INTERVAL_MS = 10;

const HEARING_PORT = 7_000;
const STAYING_PORT = 7_001;

/** Of the clock of {@link HeardDatagram}. */
export function sharedNowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** A line of its output. */
export function parseHeard(line: string): HeardDatagram {
  const [from = '', sentUs, heardUs] = line.split(' ');
  return { from, sentUs: Number(sentUs), heardUs: Number(heardUs) };
}

function socketOf(port: number, onMessage?: (bytes: Buffer) => void): Socket {
  const socket = createSocket('udp4', onMessage);
  // What a closed port answers, if no policy keeps it away.
  socket.on('error', () => undefined);
  return socket.bind(port);
}

function talk(name: string, addresses: readonly string[]): void {
  socketOf(HEARING_PORT, (bytes) => process.stdout.write(`${bytes.toString()} ${sharedNowUs()}\n`));
  const staying = socketOf(STAYING_PORT);
  let isOdd = false;
  setInterval(() => {
    isOdd = !isOdd;
    for (const address of addresses) {
      const socket = isOdd ? staying : createSocket('udp4');
      // Without a pod here there is no way to anybody: that is no error.
      socket.send(`${name} ${sharedNowUs()}`, HEARING_PORT, address, () => {
        if (socket !== staying) socket.close();
      });
    }
  }, INTERVAL_MS);
}

if (import.meta.main) talk(process.argv[2]!, process.argv.slice(3));
