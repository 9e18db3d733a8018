/** Sockets of this process, found in the tables of the kernel. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { readSocketTable, readUdpDrops, tableAddress } from '../../src/linux/socket-table.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

const columns = test.macro<[address: string, printed: string]>({
  exec: (t, address, printed) => t.is(tableAddress(parseIpAddress(address)!), printed),
  title: (_, address) => `${address} is printed in words of the host`,
});

test(columns, '127.0.0.1', '0100007F');
test(columns, 'fd00:10:244::1', '100000FD000044020000000001000000');

for (const [family, loopback] of [
  ['udp4', '127.0.0.1'],
  ['udp6', '::1'],
] as const) {
  test(`what a full ${family} socket drops is counted`, async (t) => {
    const socket = createSocket({ type: family, recvBufferSize: 4_096 });
    socket.bind(0, loopback);
    await once(socket, 'listening');
    const { port } = socket.address();
    const endpoint = { address: parseIpAddress(loopback)!, port };
    const before = readUdpDrops(endpoint);
    const sender = createSocket(family);
    await sendAll(sender, port, loopback, 200);
    t.is(before, 0);
    t.true(readUdpDrops(endpoint) > 0);
    const table = family === 'udp4' ? 'udp' : 'udp6';
    t.is(
      readSocketTable(table).filter((row) => row.port === port && row.address === tableAddress(endpoint.address))
        .length,
      1,
    );
    sender.close();
    socket.close();
  });
}

test('a socket that is not there has dropped nothing', (t) => {
  t.is(readUdpDrops({ address: parseIpAddress('192.0.2.1')!, port: 1 }), 0);
});

/** In one turn of the event loop, in which nobody reads. */
async function sendAll(
  sender: ReturnType<typeof createSocket>,
  port: number,
  address: string,
  count: number,
): Promise<void> {
  const bytes = Buffer.alloc(1_000);
  const sent = Array.from(
    { length: count },
    () => new Promise((resolve) => sender.send(bytes, port, address, resolve)),
  );
  await Promise.all(sent);
}
