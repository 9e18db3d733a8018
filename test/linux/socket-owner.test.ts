import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'ava';
import { ownerOfSocket, ownersOfSockets } from '../../src/linux/socket-owner.ts';
import { readSocketTable } from '../../src/linux/socket-table.ts';

test('whoever has a socket open is found, if there is the time', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { inode } = readSocketTable('tcp').find((row) => row.port === port)!;
  t.deepEqual(ownersOfSockets([inode]), [`${process.pid}`]);
  t.is(ownerOfSocket(inode, 10_000), process.pid);
  t.is(ownerOfSocket(inode, -1), undefined);
});

test("a socket that nobody has is nobody's", (t) => t.is(ownerOfSocket('1', 10_000), undefined));
