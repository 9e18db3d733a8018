/**
 * Asks a server of names for one name, again and again, until it is told to end (SIGTERM): `name-asker.ts SERVER NAME INTERVAL_MS`. Then prints, as
 * JSON, how many answers came, and the longest time without one, in ms. `--flood`: asks as fast as it can, for names that nobody has,
 * and hears nothing.
 */
import { createSocket } from 'node:dgram';
import { dnsQuestion } from './dns-messages.ts';

/** What it prints. */
export interface AskerReport {
  readonly asked: number;
  readonly answered: number;
  readonly longestGapMs: number;
}

const DNS_PORT = 53;

/** How many are sent before the event loop goes on. */
const BURST = 64;

const [, , server = '', name = '', interval = '10'] = process.argv;
const isFlood = process.argv.includes('--flood');
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
let [asked, answered, longestGapMs, lastMs] = [0, 0, 0, performance.now()];

function ask(of: string): void {
  asked++;
  const question = dnsQuestion(of, 'A', { id: asked & 0xffff });
  socket.send(question, DNS_PORT, server, () => undefined);
}

function flood(): void {
  for (let at = 0; at < BURST; at++) ask(`x${asked}.${name}`);
  setImmediate(flood);
}

socket.on('message', () => {
  answered++;
  const now = performance.now();
  longestGapMs = Math.max(longestGapMs, now - lastMs);
  lastMs = now;
});
socket.on('error', () => undefined);
process.on('SIGTERM', () => {
  longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
  process.stdout.write(`${JSON.stringify({ asked, answered, longestGapMs } satisfies AskerReport)}\n`, () =>
    process.exit(0),
  );
});
if (isFlood) flood();
else setInterval(() => ask(name), Number(interval));
