/** The doctor and the nodes: what differs between them, what two of them claim, and what they do to each other. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { DoctorLab, testFaults } from '../support/doctor-lab.ts';
import { runProgram } from '../support/program.ts';
import { weft } from '../support/test-lab.ts';

const flood = fileURLToPath(new URL('../support/udp-flood.ts', import.meta.url));
const sender = fileURLToPath(new URL('../support/forged-sender.ts', import.meta.url));

const place = new DoctorLab();

test.before(async () => place.up());
test.after.always(async () => place.down());

const n3With =
  (...flags: readonly string[]) =>
  async () =>
    place.runBy('n3', weft, ...flags);
const asBefore = (node: string) => async () => place.asBefore(node);

/** A static peer of n1 that differs from all nodes but in what is said. */
async function withStaticPeer({
  macOf,
  endpoint = '198.18.0.99',
}: {
  macOf?: string;
  endpoint?: string;
}): Promise<void> {
  const mac = macOf === undefined ? '02:00:5e:00:00:01' : (await place.lab.control(macOf).status()).tun.mac;
  const peer = { name: 'vtep', endpoint, mac, prefixes: ['10.244.99.0/24'] };
  await place.configure(() => ({ staticPeers: [peer] }));
}

/** What makes a kernel of before UDP_GRO of this one, for a process that is started with it. */
async function libraryWithoutUdpGro(): Promise<string> {
  const source = join(place.directory, 'without-udp-gro.c');
  const library = join(place.directory, 'without-udp-gro.so');
  writeFileSync(
    source,
    `#define _GNU_SOURCE
     #include <errno.h>
     #include <netinet/in.h>
     #include <netinet/udp.h>
     #include <sys/syscall.h>
     #include <unistd.h>
     int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
       if (level == IPPROTO_UDP && name == UDP_GRO) return errno = ENOPROTOOPT, -1;
       return syscall(SYS_setsockopt, fd, level, name, value, length);
     }`,
  );
  (await runProgram(['cc', '-shared', '-fPIC', '-o', library, source])).succeeded();
  return library;
}

testFaults(place, {
  'another VNI on one node': {
    id: 'vni-mismatch',
    prepare: n3With('--vxlan-vni', '43'),
    heal: asBefore('n3'),
    evidence: /42 here, and 43 on n3/,
  },
  'a node of the name of another': {
    id: 'name-taken',
    prepare: n3With('--node-name', 'n2'),
    heal: asBefore('n3'),
  },
  'a node with the prefix of another': {
    id: 'prefix-overlap',
    prepare: n3With('--node-prefixes', '10.244.2.0/24,fd00:10:244:3::/64'),
    heal: asBefore('n3'),
  },
  'a static peer with the MAC address of another node': {
    id: 'mac-taken',
    prepare: async () => withStaticPeer({ macOf: 'n2' }),
    heal: asBefore('n1'),
  },
  'a static peer with the address of another node': {
    id: 'endpoint-taken',
    prepare: async () => withStaticPeer({ endpoint: '198.18.0.2' }),
    heal: asBefore('n1'),
  },
  'a node of another version': {
    id: 'version-skew',
    prepare: async () =>
      place.runBy('n3', place.copyOfWeft('package.json', /"version": "[^"]+"/, '"version": "0.0.9"')),
    heal: asBefore('n3'),
    evidence: /n3 runs weft 0\.0\.9/,
  },
  'a node whose clock is five seconds ahead': {
    id: 'clock-skew',
    prepare: async () =>
      place.runBy('n3', place.copyOfWeft('src/linux/clock.ts', 'return timespec[0]!', 'return (timespec[0]! + 5n)')),
    heal: asBefore('n3'),
    // How far exactly is known as well as an answer came soon.
    evidence: /n3 is (4\.[5-9]|5\.[0-5]) s ahead/,
  },
  'packets under addresses of other nodes': {
    id: 'forged-source',
    seed: async () => {
      const { mac } = (await place.lab.control('n1').status()).tun;
      await place.lab.exec('n3', process.execPath, sender, '198.18.0.3', '198.18.0.1', mac);
    },
    evidence: /forged-source\nof the last: from n3, /,
  },
  'a kernel that does not join UDP datagrams': {
    id: 'kernel-feature-missing',
    prepare: async () => place.runBy('n1', ['env', `LD_PRELOAD=${await libraryWithoutUdpGro()}`, ...weft]),
    heal: asBefore('n1'),
    evidence: /udpCoalescing/,
  },
  'more packets than a daemon takes that stands still': {
    id: 'receive-overflow',
    seed: async () => {
      const { pid } = await place.lab.control('n1').status();
      process.kill(pid, 'SIGSTOP');
      try {
        await place.lab.exec('n3-p1', process.execPath, flood, '10.244.3.2', '10.244.1.2:9', '50000');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    evidence: /\d{3,} were lost in the last \d+ s/,
  },
  'a node that was copied with all that it knows': {
    id: 'identity-contested',
    // Of two, the one with the higher endpoint yields.
    at: 'n3',
    prepare: async () => {
      const [own, other] = ['n3', 'n1'].map((node) => join(place.lab.files(node).stateDir, 'identity.json')) as [
        string,
        string,
      ];
      await place.withFiles('n3', () => {
        const identity = readFileSync(own);
        cpSync(other, own);
        return () => writeFileSync(own, identity);
      });
    },
    heal: asBefore('n3'),
    evidence: /198\.18\.0\.1/,
  },
  'a node that was killed': {
    id: 'node-dead',
    prepare: async () => place.lab.lab('kill', 'n3'),
    heal: async () => place.lab.lab('start', 'n3'),
    evidence: /n3 .* dead/,
  },
});
