import { execFileSync } from 'node:child_process';
import test from 'ava';

const rootTest = process.getuid?.() === 0 ? test : test.skip;

/** In a process of its own, which alone may be in other namespaces. */
const script = `
import { existsSync } from 'node:fs';
import { enterNetworkNamespace } from '${new URL('../../src/linux/network-namespace.ts', import.meta.url).href}';
import { NetfilterSocket } from '${new URL('../../src/linux/netfilter-socket.ts', import.meta.url).href}';
const used = (isAnswered) => {
  const socket = new NetfilterSocket();
  socket.close(isAnswered);
  return socket.fd;
};
const isOpen = (fd) => existsSync('/proc/self/fd/' + fd);
const first = used(true);
const report = { again: used(true) === first, first: isOpen(first) };
const leave = enterNetworkNamespace('/proc/' + process.argv[1] + '/ns/net');
const other = used(true);
leave();
report.elsewhere = { same: other === first, open: isOpen(other), firstStays: isOpen(first) };
report.back = used(true) === first;
const sockets = Array.from({ length: 50 }, () => new NetfilterSocket());
report.together = new Set(sockets.map(({ fd }) => fd)).size;
for (const socket of sockets) socket.close(true);
report.kept = sockets.filter(({ fd }) => isOpen(fd)).length < 10;
const unanswered = used(false);
report.unanswered = isOpen(unanswered);
process.stdout.write(JSON.stringify(report));
`;

rootTest('a socket is used again if all is answered, and where it was made', (t) => {
  const argv = ['--net', '--', process.execPath, '--input-type=module', '--eval', script, String(process.pid)];
  t.deepEqual(JSON.parse(execFileSync('unshare', argv, { encoding: 'utf8' })), {
    again: true,
    first: true,
    elsewhere: { same: false, open: false, firstStays: true },
    back: true,
    together: 50,
    kept: true,
    unanswered: false,
  });
});
