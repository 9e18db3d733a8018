/**
 * `connection-holder.ts idle|half DOOR COUNT`: opens so many connections to `ADDRESS:PORT` or the path of a socket, and holds them for as
 * long as it may. Half a request is sent at once if so wished.
 */
import { connect } from 'node:net';

const [, , how, door = '', count = ''] = process.argv;
const [, host, port] = /^(.*):(\d+)$/.exec(door) ?? [];
let opened = 0;

for (let index = 0; index < Number(count); index++) {
  const socket = port === undefined ? connect(door) : connect({ host: host!, port: Number(port) });
  const come = (): void => {
    opened++;
    if (opened === Number(count)) process.stdout.write('opened\n');
  };
  socket.once('connect', come);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // A door with a full queue is come to as well.
    if (error.code === 'EAGAIN' || error.code === 'ECONNREFUSED') come();
  });
  if (how === 'half') socket.write('GET /metrics HTTP/1.1\r\nHost: 127');
}
// Until somebody kills it.
setInterval(() => undefined, 60_000);
