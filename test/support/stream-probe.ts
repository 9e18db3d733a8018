/**
 * A program for pods: one TCP stream, and how long it ever stood still.
 *
 *     stream-probe.ts receive PORT                        takes one connection; at its end prints {"bytes": N, "longestGapMs": N}
 *     stream-probe.ts send ADDRESS PORT SECONDS [PAUSE]   sends for so long; with a pause, in ms, a chunk after each
 */
import { connect, createServer, type Socket } from 'node:net';

const CHUNK_BYTES = 64 * 1024;

function receive(port: number): void {
  const server = createServer((socket) => {
    server.close();
    watch(socket);
  });
  server.listen(port, '::');
}

function watch(socket: Socket): void {
  let bytes = 0;
  let longestGapMs = 0;
  let lastMs = performance.now();
  const note = (): void => {
    const nowMs = performance.now();
    longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    note();
  });
  socket.on('error', note);
  socket.on('close', () => {
    note();
    console.log(JSON.stringify({ bytes, longestGapMs }));
  });
}

function send(address: string, port: number, seconds: number, pauseMs: number): void {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const endMs = performance.now() + seconds * 1_000;
  const socket = connect(port, address);
  const push = (): void => {
    while (performance.now() < endMs) if (!socket.write(chunk)) return;
    socket.end();
  };
  if (pauseMs > 0) {
    setInterval(() => {
      if (socket.writableLength === 0) socket.write(chunk);
    }, pauseMs);
    return;
  }
  socket.on('connect', push);
  socket.on('drain', push);
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'receive') receive(Number(args[0]));
else send(args[0]!, Number(args[1]), Number(args[2]), Number(args[3] ?? 0));
