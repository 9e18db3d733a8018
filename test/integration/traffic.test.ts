/** All kinds of traffic between pods, nodes and the outside, on a lab of three nodes with two pods each. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { LabMatrix } from '../../src/lab/matrix.ts';
import type { DirectionAccount } from '../../src/dataplane/accounts.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { runProgram } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-traffic-'));
const file = join(directory, 'random');
const page = join(directory, 'page');
let lab: TestLab;

test.before(async () => {
  const written = runProgram(['sh', '-c', `head -c 100M /dev/urandom > ${file}; head -c 10M ${file} > ${page}`]);
  lab = await TestLab.up();
  (await written).succeeded();
  await lab.serveEcho('n2-p1', 7000);
  await lab.serve('n2-p1', 8000, 'python3', '-m', 'http.server', '--bind', '::', '--directory', directory, '8000');
  await lab.serve('world', 9004, 'socat', 'TCP4-LISTEN:9004,fork', 'SYSTEM:echo $SOCAT_PEERADDR');
  await lab.serve('world', 9006, 'socat', 'TCP6-LISTEN:9006,fork,ipv6only', 'SYSTEM:echo $SOCAT_PEERADDR');
});

test.after.always(async () => {
  rmSync(directory, { recursive: true });
  await lab?.down();
});

test.serial('every pod reaches every other over IPv4 and IPv6', async (t) => {
  let matrix!: LabMatrix;
  await until('every pod reaches every other', async () => {
    matrix = JSON.parse(await lab.lab('matrix', '--json')) as LabMatrix;
    return matrix.lost === 0;
  });
  t.is(matrix.pods.length, 6);
  const expected = matrix.pods.flatMap((from) =>
    matrix.pods.filter((to) => to !== from).flatMap((to) => [`${from} ${to} 4`, `${from} ${to} 6`]),
  );
  t.deepEqual(matrix.cells.map(({ from, to, family }) => `${from} ${to} ${family}`).sort(), expected.sort());
});

const echoes = test.macro({
  exec: async (t, place: string, address: string, ...options: string[]) => {
    // One: for the answer to the last of several, ping waits no longer than the interval between them.
    const output = await lab.exec(place, 'ping', '-n', '-q', '-c', '1', '-W', '10', ...options, address);
    t.regex(output, /1 received/);
  },
  title: (name) => `echoes come back from ${name}`,
});

test.serial("the pod's own node, over IPv4", echoes, 'n1-p1', '10.244.1.1');
test.serial("the pod's own node, over IPv6", echoes, 'n1-p1', 'fd00:10:244:1::1');
test.serial("another node's overlay address, over IPv4", echoes, 'n1-p1', '10.244.2.1');
test.serial("another node's overlay address, over IPv6", echoes, 'n1-p1', 'fd00:10:244:2::1');
test.serial("another node's underlay address, over IPv4", echoes, 'n1-p1', '198.18.0.2');
test.serial("another node's underlay address, over IPv6", echoes, 'n1-p1', 'fd00:198:18::2');
test.serial('a pod of this node to the node, over IPv4', echoes, 'n1', '10.244.1.2');
test.serial('a pod of this node to the node, over IPv6', echoes, 'n1', 'fd00:10:244:1::2');
test.serial('a pod of another node to the node, over IPv4', echoes, 'n1', '10.244.2.2');
test.serial('a pod of another node to the node, over IPv6', echoes, 'n1', 'fd00:10:244:2::2');
test.serial('a pod in 8 KB of IPv4 fragments', echoes, 'n1-p1', '10.244.2.2', '-s', '8000');
test.serial('a pod in 8 KB of IPv6 fragments', echoes, 'n1-p1', 'fd00:10:244:2::2', '-s', '8000');
test.serial('a pod in packets that fill the MTU, over IPv4', echoes, 'n1-p1', '10.244.2.2', '-M', 'do', '-s', '1422');
test.serial(
  'a pod in packets that fill the MTU, over IPv6',
  echoes,
  'n1-p1',
  'fd00:10:244:2::2',
  '-M',
  'do',
  '-s',
  '1402',
);

const hundredMegabytes = test.macro({
  exec: async (t, address: string) => {
    const receive = `socat -u TCP6-LISTEN:7001,reuseaddr STDOUT | sha256sum`;
    const receiver = await lab.serve('n2-p1', 7001, 'sh', '-c', receive);
    await lab.exec('n1-p1', 'socat', '-u', `FILE:${file}`, `TCP:${address}:7001`);
    const { stdout } = await receiver.ends();
    const checksum = (await runProgram(['sha256sum', file])).succeeded();
    t.is(stdout.split(' ')[0], checksum.split(' ')[0]);
  },
  title: (name) => `100 MB arrive whole through TCP over ${name}`,
});

test.serial('IPv4', hundredMegabytes, '10.244.2.2');
test.serial('IPv6', hundredMegabytes, '[fd00:10:244:2::2]');

const datagrams = test.macro({
  exec: async (t, address: string, lengthBytes: number) => {
    t.is((await lab.probe('n1-p1', 'exchange', address, '7000', '20', `${lengthBytes}`)).trim(), '20');
  },
  title: (name) => `UDP datagrams ${name} come through in both directions as they were`,
});

test.serial('of 1 byte over IPv4', datagrams, '10.244.2.2', 1);
test.serial('of 1 byte over IPv6', datagrams, 'fd00:10:244:2::2', 1);
test.serial('of 8 KB over IPv4, in fragments,', datagrams, '10.244.2.2', 8192);
test.serial('of 8 KB over IPv6, in fragments,', datagrams, 'fd00:10:244:2::2', 8192);
test.serial('of 60 KB over IPv4, in fragments,', datagrams, '10.244.2.2', 60_000);
test.serial('of 60 KB over IPv6, in fragments,', datagrams, 'fd00:10:244:2::2', 60_000);

const http = test.macro({
  exec: async (t, address: string) => {
    const fetched = join(directory, 'fetched');
    await lab.exec('n3-p2', 'curl', '-gfsS', '--max-time', '90', '-o', fetched, `http://${address}:8000/page`);
    t.is((await runProgram(['cmp', fetched, page])).succeeded(), '');
  },
  title: (name) => `a pod fetches a file from another by HTTP over ${name}`,
});

test.serial('IPv4', http, '10.244.2.2');
test.serial('IPv6', http, '[fd00:10:244:2::2]');

const outside = test.macro({
  exec: async (t, target: string, nodeAddress: string) => {
    const seen = (await lab.exec('n1-p1', 'socat', '-u', `TCP:${target}`, 'STDOUT')).trim();
    t.is(formatIpAddress(parseIpAddress(seen.replaceAll(/[[\]]/g, ''))!), nodeAddress);
  },
  title: (name) => `a pod reaches the outside over ${name}, where it has its node's address`,
});

test.serial('IPv4', outside, '198.19.255.1:9004', '198.18.0.1');
test.serial('IPv6', outside, '[fd00:198:19::1]:9006', 'fd00:198:18::1');

const timeExceeded = test.macro({
  exec: async (t, hops: number, address: string, router: string) => {
    const { stdout } = await lab.tryExec('n1-p1', 'ping', '-n', '-c', '1', '-W', '10', '-t', `${hops}`, address);
    t.regex(stdout, new RegExp(`From ${router} icmp_seq=1 Time`));
  },
  title: (name) => `"time exceeded" comes back to the pod from ${name}`,
});

test.serial('its own node, over IPv4', timeExceeded, 1, '10.244.2.2', '10.244.1.1');
test.serial('its own node, over IPv6', timeExceeded, 1, 'fd00:10:244:2::2', 'fd00:10:244:1::1');
test.serial('the node on the other side, over IPv4', timeExceeded, 2, '10.244.2.2', '10.244.2.1');
test.serial('the node on the other side, over IPv6', timeExceeded, 2, 'fd00:10:244:2::2', 'fd00:10:244:2::1');

const portUnreachable = test.macro({
  exec: async (t, address: string) => {
    t.is((await lab.probe('n1-p1', 'error', address, '7999')).trim(), 'ECONNREFUSED');
  },
  title: (name) => `"port unreachable" comes back to the pod over ${name}`,
});

test.serial('IPv4', portUnreachable, '10.244.2.2');
test.serial('IPv6', portUnreachable, 'fd00:10:244:2::2');

const hostUnreachable = test.macro({
  exec: async (t, address: string, router: string) => {
    const { stdout } = await lab.tryExec('n1-p1', 'ping', '-n', '-c', '1', '-W', '10', address);
    t.regex(stdout, new RegExp(`From ${router} icmp_seq=1 Destination .*(?:nreachable|No route)`));
  },
  title: (name) => `an address that no pod has is answered by ${name}`,
});

test.serial('its own node, over IPv4', hostUnreachable, '10.244.1.200', '10.244.1.1');
test.serial('its own node, over IPv6', hostUnreachable, 'fd00:10:244:1::200', 'fd00:10:244:1::1');
test.serial('the node on the other side, over IPv4', hostUnreachable, '10.244.2.200', '10.244.2.1');
test.serial('the node on the other side, over IPv6', hostUnreachable, 'fd00:10:244:2::200', 'fd00:10:244:2::1');

test.serial('a tunnel of two pods over IPv6 works without UDP checksums', async (t) => {
  const ends = [
    { pod: 'n1-p1', local: 'fd00:10:244:1::2', remote: 'fd00:10:244:2::2', address: '192.168.77.1/24' },
    { pod: 'n2-p1', local: 'fd00:10:244:2::2', remote: 'fd00:10:244:1::2', address: '192.168.77.2/24' },
  ];
  for (const { pod, local, remote, address } of ends) {
    const tunnel = `type vxlan id 7 local ${local} remote ${remote} dstport 4790 udp6zerocsumtx udp6zerocsumrx`;
    await lab.exec(
      pod,
      'sh',
      '-c',
      `ip link add tunnel ${tunnel}; ip addr add ${address} dev tunnel; ip link set tunnel mtu 1380 up`,
    );
  }
  for (const size of ['56', '8000']) {
    t.regex(
      await lab.exec('n1-p1', 'ping', '-n', '-q', '-c', '1', '-W', '10', '-s', size, '192.168.77.2'),
      /1 received/,
    );
  }
  const receiver = await lab.serve('n2-p1', 7002, 'sh', '-c', 'socat -u TCP4-LISTEN:7002 STDOUT | sha256sum');
  await lab.exec('n1-p1', 'socat', '-u', `FILE:${page}`, 'TCP:192.168.77.2:7002');
  t.is((await receiver.ends()).stdout.split(' ')[0], (await runProgram(['sha256sum', page])).succeeded().split(' ')[0]);
  for (const { pod } of ends) await lab.exec(pod, 'ip', 'link', 'del', 'tunnel');
});

for (const node of ['n1', 'n2', 'n3']) {
  test.serial(
    `after all that, every packet of ${node} is accounted for, and none was dropped that should not be`,
    async (t) => {
      await until('nothing is on its way', async () => {
        const { workers } = await lab.control(node).status();
        return workers.every(({ egress, ingress }) => egress.queued + ingress.queued === 0);
      });
      const { residual, workers } = await lab.control(node).status();
      t.is(residual, 0);
      for (const { egress, ingress } of workers) {
        // What the node's kernel tells its neighbours about multicast is for no pod.
        t.deepEqual(
          dropsOf(egress),
          dropsOf(egress).filter((reason) => reason === 'node-link-control'),
        );
        // A peer that hears of this node much earlier than this node of it may probe the path as a stranger.
        t.deepEqual(
          dropsOf(ingress).filter((reason) => reason !== 'unknown-sender'),
          [],
        );
        t.true(egress.sent > 0 && ingress.delivered > 0);
      }
    },
  );
}

function dropsOf({ dropped }: DirectionAccount): string[] {
  return Object.entries(dropped).flatMap(([reason, packets]) => (packets === 0 ? [] : [reason]));
}
